"""report.html: what was made, how it scores, what to look at.

`report.build` makes it; scripts import that and `report.compare`.
"""
