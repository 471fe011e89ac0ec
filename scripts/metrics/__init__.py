"""The competitions' scores, and what follows from them: intervals, calibration, label quality.

They take and return arrays: they know no task, no file and no config.
"""
