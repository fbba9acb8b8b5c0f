"""The reports: an evaluation, or a comparison, as one HTML page that opens offline."""

from plotgenre.evaluation.report.comparison_page import write_comparison
from plotgenre.evaluation.report.films import ReportFilms
from plotgenre.evaluation.report.page import write_report

__all__ = ["ReportFilms", "write_comparison", "write_report"]
