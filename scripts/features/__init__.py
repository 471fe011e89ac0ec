"""What 03_extract_features.py makes: the store of features, and what fills it.

Every file here may be imported.
"""
