"""Why a request is not answered."""

from collections.abc import Sequence

from privacy.errors import MangroveError
from privacy.masking import Violation

_MOST_TOLD = 10


class PredictionInvalid(MangroveError):
    """The request breaks rules; `violations` names the first of them."""

    reason = "PREDICTION_INVALID"

    def __init__(self, broken: Sequence[Violation]) -> None:
        # A client reads them from the trailing metadata, for which there is little room.
        self.violations = tuple((one.field, one.reason, one.description) for one in broken[:_MOST_TOLD])
        first = broken[0]
        super().__init__(f"The request breaks a rule at {first.field}: {first.description}")


class ChannelNotInScope(MangroveError):
    """The API key is not for events of such a channel."""

    reason = "PERMISSION_DENIED"

    def __init__(self) -> None:
        super().__init__("The API key is not for events of all these channels. Leave them out, or use another key.")


class ConversationOver(MangroveError):
    """The conversation has ended, so nothing comes next."""

    reason = "CONVERSATION_OVER"

    def __init__(self) -> None:
        super().__init__("The conversation has ended, so nothing comes next. Ask while it runs.")


class NoModel(MangroveError):
    """No model has passed the gate."""

    reason = "NO_CHAMPION"

    def __init__(self) -> None:
        super().__init__(
            "There is no champion model of any next action, nor of satisfaction. Run `mangrove ml train`; it says "
            "whether a model passed. The server finds it by itself."
        )


class PredictionBusy(MangroveError):
    """As many requests wait as may."""

    reason = "PREDICTION_BUSY"

    def __init__(self) -> None:
        super().__init__("As many requests wait as may. Send the request again in a moment.")
