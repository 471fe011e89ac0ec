"""What everybody uses, and nothing else: errors, files, paths, tables, rows, settings' types, the
ledger.

It imports no other room. Heavy packages are imported where they are used.
"""
