"""The demo city."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    """Loads demo data and runs the real endpoints behind it; marked as demo everywhere."""

    name = "govnet.demo"
