"""The report: an evaluation as one HTML page that opens offline, for people to read."""

from plotgenre.evaluation.report.films import ReportFilms
from plotgenre.evaluation.report.page import write_report

__all__ = ["ReportFilms", "write_report"]
