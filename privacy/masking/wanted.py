"""Makes the detector that a policy asks for; what is missing stops the start, never a message later."""

import importlib

from privacy.masking.detector import Detector
from privacy.masking.policy import Policy, PolicyInvalid
from privacy.masking.ports import OtherDetector


def detector_for(policy: Policy) -> Detector:
    """Return the detector with the rules and everything else that a policy names.

    Raises:
        PolicyInvalid: if a model or a recognizer that it names cannot be loaded.
    """
    wanted = policy.detectors
    others = [_recognizer(name) for name in wanted.recognizers]
    if wanted.name_model:
        others.append(_name_model(wanted.name_model))
    return Detector(others=others, timeout_s=wanted.timeout_s)


def _recognizer(name: str) -> OtherDetector:
    from privacy.masking.presidio import adopted

    module, _, cls = name.partition(":")
    try:
        return adopted(getattr(importlib.import_module(module), cls)())
    except Exception as error:  # noqa: BLE001 - it is somebody else's code, and whatever it raises means the same
        raise PolicyInvalid(
            f"The recognizer '{name}' that the masking policy names cannot be loaded ({type(error).__name__}). Install "
            "it where Mangrove runs, see that it is a Presidio EntityRecognizer made without arguments, or take "
            "it out of the policy."
        ) from None


def _name_model(spec: str) -> OtherDetector:
    try:
        from privacy.masking.models import load_name_model

        return load_name_model(spec)
    except Exception as error:  # noqa: BLE001 - it is somebody else's code, and whatever it raises means the same
        raise PolicyInvalid(
            f"The name model '{spec}' that the masking policy names cannot be loaded ({type(error).__name__}). Install "
            'it where Mangrove runs, or set name_model = "" in the policy.'
        ) from None
