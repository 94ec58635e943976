"""Vector to score to verdict: bundles, text model, policy, category, explanation.

Load a `Bundle`, put it under a `Policy` in a `Scorer`, and score chunks of parsed messages.
"""

from scorelane.scoring.bundle import Bundle, default_bundle_path
from scorelane.scoring.errors import BundleMismatch, Rejected, ScoringError, TrainingRejected
from scorelane.scoring.explain import Explanation, Term, explain
from scorelane.scoring.policy import Policy
from scorelane.scoring.scorer import Scored, Scorer
from scorelane.scoring.text_model import TextModel, read_by_model

__all__ = [
    "Bundle",
    "BundleMismatch",
    "Explanation",
    "Policy",
    "Rejected",
    "Scored",
    "Scorer",
    "ScoringError",
    "Term",
    "TextModel",
    "TrainingRejected",
    "default_bundle_path",
    "explain",
    "read_by_model",
]
