"""GovNet: operation and management platform for an e-government external network."""

from importlib.metadata import version

__version__ = version("govnet")
