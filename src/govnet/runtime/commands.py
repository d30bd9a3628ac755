"""Commands that run and inspect the processes of an installation."""
