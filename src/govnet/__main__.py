"""``python -m govnet``: the same as the ``govnet`` command, without a script on the path."""

from govnet.cli import main

main()
