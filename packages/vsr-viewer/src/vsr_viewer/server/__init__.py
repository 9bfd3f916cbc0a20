"""All runs of a folder in a browser, read-only, as they go on."""

from vsr_viewer.server.serving import RunServer, is_loopback

__all__ = ["RunServer", "is_loopback"]
