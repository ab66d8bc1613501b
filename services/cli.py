"""The command line's way in: it ends cleanly whatever happens, also while the libraries are still being loaded."""

import os
import signal
import sys

_INTERRUPTED = 130


def main() -> None:
    """Run the command line; an error that a user can act on is one sentence, never a stack trace."""
    before = signal.getsignal(signal.SIGINT)  # who starts a command in the background may have it ignore Ctrl-C
    if before is signal.default_int_handler:
        # Until the commands are loaded there is nothing to end in order, and libraries make other errors of Ctrl-C.
        signal.signal(signal.SIGINT, lambda *_: os._exit(_INTERRUPTED))

    import typer

    from privacy.errors import MangroveError
    from services import log
    from services.commands import app

    signal.signal(signal.SIGINT, before)
    log.configure()
    try:
        app()
    except MangroveError as error:
        typer.secho(f"{error.reason}: {error.sentence}", fg=typer.colors.RED, err=True)
        sys.exit(1)
    except Exception as error:
        if os.environ.get("MANGROVE_DEBUG"):
            raise
        sentence = f"Something failed ({type(error).__name__}). Check the paths given; MANGROVE_DEBUG=1 shows where."
        typer.secho(f"UNEXPECTED: {sentence}", fg=typer.colors.RED, err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
