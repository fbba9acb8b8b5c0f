import { startFigures } from "./figures.js";
import { startFiles } from "./files.js";
import { startPlot } from "./plot.js";

startPlot();
startFiles();
startFigures();
