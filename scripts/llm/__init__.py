"""Language models: what they are asked, a local one, one behind an endpoint, and their replies.

Every file here may be imported.
"""
