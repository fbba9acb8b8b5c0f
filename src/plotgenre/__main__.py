"""``python -m plotgenre`` is the command line."""

from plotgenre.doors.cli import main

main()
