"""URLs of the accounts app."""

from django.urls import path

from govnet.accounts import views

app_name = "accounts"
urlpatterns = [
    path("sign-in/", views.SignIn.as_view(), name="sign_in"),
    path("sign-out/", views.SignOut.as_view(), name="sign_out"),
    path("password/", views.ChangePassword.as_view(), name="password"),
    path("preferences/", views.preferences, name="preferences"),
    path("language/", views.language, name="language"),
    path("theme/", views.theme, name="theme"),
    path("users/", views.user_list, name="user_list"),
    path("users/add/", views.user_add, name="user_add"),
    path("users/<int:pk>/", views.user_edit, name="user_edit"),
    path("users/<int:pk>/password/", views.user_reset, name="user_reset"),
]
