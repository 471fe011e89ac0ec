"""The competitions' scores, and what is told from them: intervals, calibration, label quality.

Every file here may be imported, also by the report.
"""
