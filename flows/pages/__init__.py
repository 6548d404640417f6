"""Pages in the Prefect UI that show the results of a run as tables, pictures and links."""

from flows.pages.evaluations import evaluation_page, metrics_table, show_evaluation
from flows.pages.feature_sets import features_page, show_features
from flows.pages.judgements import show_drift, show_verdict
from flows.pages.links import link_training, report_line, tensorboard_line
from flows.pages.trends import show_trend, trend_page

__all__ = [
    "evaluation_page",
    "features_page",
    "link_training",
    "metrics_table",
    "report_line",
    "show_drift",
    "show_evaluation",
    "show_features",
    "show_trend",
    "show_verdict",
    "tensorboard_line",
    "trend_page",
]
