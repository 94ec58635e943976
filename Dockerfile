# The whole system in one image: every service of docker-compose.yml is a command of it.
FROM python:3.11-slim
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1 PYTHONPATH=/app
RUN apt-get update \
 && apt-get install -y --no-install-recommends libgomp1 libarchive-tools \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --create-home scorelane
WORKDIR /app
COPY requirements.lock .
RUN pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE alembic.ini ./
COPY scorelane scorelane
COPY worker worker
COPY tasks tasks
COPY db db
RUN printf '#!/bin/sh\nexec python -m scorelane.cli "$@"\n' > /usr/local/bin/scorelane && chmod +x /usr/local/bin/scorelane
USER scorelane
CMD ["scorelane", "--help"]
