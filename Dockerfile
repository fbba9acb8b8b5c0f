# plotgenre's service: the models of the package, no torch. docs/serving.md says how to run it, and
# SECURITY.md how to pin the base image.
FROM python:3.12-slim AS build
WORKDIR /source
COPY pyproject.toml constraints.txt README.md CHANGELOG.md LICENSE NOTICE ./
COPY recipes recipes
COPY src src
RUN python -m venv /opt/plotgenre \
 && /opt/plotgenre/bin/pip install --no-cache-dir -c constraints.txt ".[serve,parquet]"

FROM python:3.12-slim
RUN useradd --create-home --uid 10001 plotgenre
COPY --from=build /opt/plotgenre /opt/plotgenre
ENV PATH=/opt/plotgenre/bin:$PATH PYTHONUNBUFFERED=1 HF_HOME=/home/plotgenre/cache
USER plotgenre
WORKDIR /home/plotgenre
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health/ready', timeout=2)"]
ENTRYPOINT ["plotgenre", "serve"]
CMD ["films", "--host", "0.0.0.0", "--port", "8000"]
