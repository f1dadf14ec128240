"""Which Ranvier this is."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("ranvier")
except PackageNotFoundError:  # a source tree that was never installed
    VERSION = "0+unknown"
