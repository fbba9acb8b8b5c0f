"""Every error that plotgenre raises on purpose, under one root.

PlotgenreError
├── CorpusError         a file or table that cannot be read as films
├── RecipeError         a setting that is unknown or out of range
├── EncoderError        an encoder that is missing, damaged or not the one expected
├── ArtefactError       a saved model that cannot be trusted
├── BatchError          a batch that cannot begin, or not go on as it was begun
├── InputError          arguments to a fitted or unfitted model that make no sense
└── MissingExtraError   an optional part that is not installed (also an ImportError)

PlotgenreWarning is what it warns of: work goes on, but its result may not be what was meant.
"""


class PlotgenreWarning(UserWarning):
    """Something that was accepted but may not be what was meant, in one sentence."""


class PlotgenreError(Exception):
    """The root: catch this to catch everything that plotgenre raises on purpose."""


class CorpusError(PlotgenreError, ValueError):
    """A file or table cannot be read as films; says file, row, column and what was expected."""


class RecipeError(PlotgenreError, ValueError):
    """A setting is unknown, of the wrong type or out of range."""


class EncoderError(PlotgenreError, ValueError):
    """An encoder is missing, damaged, or not the one that a model was trained with."""


class ArtefactError(PlotgenreError, ValueError):
    """A saved model is damaged, of an unknown format, or contradicts itself."""


class BatchError(PlotgenreError, RuntimeError):
    """A batch cannot begin where it is to, or not go on as it was begun; says what to do."""


class InputError(PlotgenreError, ValueError):
    """Arguments that make no sense: an empty plot, arrays that do not fit, an unknown genre."""


class MissingExtraError(PlotgenreError, ImportError):
    """An optional part is not installed; the message is the line that installs it."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs an optional part: pip install 'plotgenre[{extra}]'")
        self.what, self.extra = what, extra

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions are unpickled from their message, and this one is made of two parts.
        return MissingExtraError, (self.what, self.extra)
