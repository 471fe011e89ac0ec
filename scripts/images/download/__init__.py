"""Download of links: checked addresses, a queue for each host, retries that hold no thread.

Only the names below are for others.
"""

from images.download.failures import Failure
from images.download.fetch import Downloader

__all__ = ["Downloader", "Failure"]
