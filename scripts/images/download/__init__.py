"""Links fetched: checked addresses, a queue a host, retries that hold no thread.

Only the names below are for others.
"""

from images.download.connections import Failure
from images.download.fetch import Downloader

__all__ = ["Downloader", "Failure"]
