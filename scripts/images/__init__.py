"""Where images are, how they are read, decoded and cached, and which are alike.

Every file here may be imported; of `images.download` only the names in its `__init__.py`.
"""
