"""Vector to score to verdict: bundles, text model, policy, category, explanation.

Load a `Bundle`, put it under a `Policy` in a `Scorer`, and score chunks of parsed messages.
"""

from scorelane.scoring.bundle import Bundle, default_bundle_path
from scorelane.scoring.context import Context
from scorelane.scoring.errors import BundleMismatch, Rejected, ScoringError, TrainingRejected
from scorelane.scoring.explain import Explanation, Term, explain
from scorelane.scoring.policy import Decision, Override, Policy, TenantPolicy
from scorelane.scoring.scorer import Scored, Scorer, own_columns
from scorelane.scoring.text_model import TextModel, read_by_model

__all__ = [
    "Bundle",
    "BundleMismatch",
    "Context",
    "Decision",
    "Explanation",
    "Override",
    "Policy",
    "Rejected",
    "Scored",
    "Scorer",
    "ScoringError",
    "TenantPolicy",
    "Term",
    "TextModel",
    "TrainingRejected",
    "default_bundle_path",
    "explain",
    "own_columns",
    "read_by_model",
]
