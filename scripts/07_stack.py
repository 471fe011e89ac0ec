"""LightGBM over the other models' out-of-fold predictions, and over tables of predictions from elsewhere: the second level.

Reads   working/<category>/folds.csv, pred/<member>.npz of every other model; stack.train and stack.test in the data folder
Writes  working/<category>/pred/stack_0.npz: id (n,), pred (n, 1) of every row: a training row's by a stacker fitted on the other
        folds, a test row's by one fitted on all. Its record holds the leak check and the scores of NNLS and ridge beside it
        Stops when a column knows too much: a member that saw its own rows, a label under another name
Run     python scripts/07_stack.py price
"""
