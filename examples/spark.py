"""Genres of a Spark DataFrame of plots, by the worker that batches and Ray use.

spark-submit examples/spark.py films.parquet tagged [MODEL]

Spark gives each Python process the threads of its task (spark.task.cpus), and the model keeps to
them. It is loaded once a process, if Spark reuses its processes, as it does by default.
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from plotgenre.batch.worker import ERROR, GENRES, PROBABILITIES, GenreWorker, carried_names


@dataclass(frozen=True)
class TagFrames:
    """What `mapInPandas` calls: frames in, the same frames with genres out."""

    worker: GenreWorker

    def __call__(self, frames: Iterable[Any]) -> Iterator[Any]:
        """Each frame of the partition, in turn."""
        import pandas

        for frame in frames:
            yield pandas.DataFrame(self.worker({name: frame[name] for name in frame.columns}))


def tagged(films: Any, worker: GenreWorker) -> Any:
    """The films with the columns genres, probabilities and error."""
    from pyspark.sql.types import ArrayType, DoubleType, StringType, StructType

    schema, names = StructType(), carried_names(films.columns)
    for column in films.schema:
        schema = schema.add(names[column.name], column.dataType)
    schema = schema.add(GENRES, ArrayType(StringType()))
    schema = schema.add(PROBABILITIES, ArrayType(DoubleType())).add(ERROR, StringType())
    return films.mapInPandas(TagFrames(worker), schema)


def main(source: str, output: str, model: str = "films") -> None:
    """Tag a Parquet file, or a folder of them, into a folder."""
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.appName("plotgenre").getOrCreate()
    tagged(spark.read.parquet(source), GenreWorker(model=model)).write.parquet(output)


if __name__ == "__main__":
    main(*sys.argv[1:])
