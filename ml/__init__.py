"""The hand-over model: how likely a human will have to take a conversation over.

`gold.features` comes in; models with their metrics (in MLflow) and `gold.predictions` leave. No text and
nothing about emotions enters a model, an input example or an artefact.
"""

import os

# MLflow reads these when it is first imported, wherever that is: nothing leaves this machine, and no bars.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
