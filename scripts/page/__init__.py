"""Blocks (tables, figures, notes) put into one HTML file; it knows nothing of models or tasks.

Every file here may be imported.
"""
