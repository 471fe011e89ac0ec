"""What a step is and what it needs: the job, the graph, folds, merging, submissions.

Every file here may be imported.
"""
