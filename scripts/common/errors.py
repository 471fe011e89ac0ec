"""The one way a script stops: a line for a person, an exit code for Make, a note for the report."""

AGAIN = 75  # exit code: stopped cleanly at the time limit, run me again


class UserError(Exception):
    """What is wrong, where, what would be right, and the command to run next. `code` is the exit
    code."""

    def __init__(self, message: str, code: int = 1):
        super().__init__(message)
        self.code = code
