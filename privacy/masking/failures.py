"""What goes wrong while personal data is searched: nothing that should have been seen may pass."""

from privacy.errors import MangroveError


class MaskingFailed(MangroveError):
    """A detector could not do its work on a text.

    Attributes:
        detector: The detector's name, for counting.
        cause: What happened: "error", "timeout" or "missing".
    """

    reason = "MASKING_FAILED"

    def __init__(self, detector: str = "rules", cause: str = "error") -> None:
        self.detector = detector
        self.cause = cause
        super().__init__(
            "A detector of personal data failed, so nothing was taken. Ask the operator to look at the log."
        )
