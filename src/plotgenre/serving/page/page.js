import { startFigures, modelLine } from "./figures.js";
import { startFiles } from "./files.js";
import { startPlot } from "./plot.js";
import { read } from "./service.js";

let known = null;

// Thresholds by genre, asked for once; after an error they are asked for again.
async function thresholds() {
  known ??= read("v1/genres").then(
    (answer) => new Map(answer.genres.map((one) => [one.name, one.threshold])),
    (error) => {
      known = null;
      throw error;
    },
  );
  return known;
}

startPlot(thresholds);
startFiles();
startFigures();
modelLine();
thresholds().catch(() => null);
