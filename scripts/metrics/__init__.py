"""The competitions' scores, and what is told from them: intervals, calibration, label quality.

They know arrays alone: no task, no file, no config.
"""
