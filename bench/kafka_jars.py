"""Where Apache Kafka's jars are: WEIR_KAFKA_JARS if set, else a cache outside the tree, filled from Maven Central."""

import os
import pathlib
import shutil
import subprocess
import tempfile

VERSION = "4.4.0"
MAIN_CLASS = "kafka.Kafka"
FORMAT_CLASS = "kafka.tools.StorageTool"
FETCH_TIMEOUT_S = 300

# A log binding does not come along: slf4j-nop keeps the broker silent.
POM = f"""<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>weir.bench</groupId><artifactId>kafka-jars</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
"""


class Unavailable(Exception):
    """Kafka can't be had here; the text says why."""


def holds_kafka(folder):
    return (folder / f"kafka_2.13-{VERSION}.jar").exists()


def find():
    """The folder with the jars. Raises Unavailable."""
    if shutil.which("java") is None:
        raise Unavailable("no java on the PATH (Kafka needs 17 or later: apt-get install openjdk-17-jre-headless)")
    given = os.environ.get("WEIR_KAFKA_JARS")
    if given:
        folder = pathlib.Path(given)
        if not holds_kafka(folder):
            raise Unavailable(f"WEIR_KAFKA_JARS={given} has no kafka_2.13-{VERSION}.jar")
        return folder
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    folder = cache / "weir-kafka" / VERSION
    if not holds_kafka(folder):
        fetch(folder)
    return folder


def fetch(folder):
    if shutil.which("mvn") is None:
        raise Unavailable("no mvn on the PATH to fetch the jars with (apt-get install maven), and no WEIR_KAFKA_JARS")
    folder.parent.mkdir(parents=True, exist_ok=True)
    print(f"fetching Apache Kafka {VERSION} from Maven Central into {folder}", flush=True)
    # Whole or not at all: a fetch that is cut leaves nothing that looks complete.
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        pom = pathlib.Path(work) / "pom.xml"
        pom.write_text(POM, encoding="utf-8")
        jars = pathlib.Path(work) / "jars"
        command = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={jars}"]
        try:
            fetched = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired:
            raise Unavailable(f"mvn did not end within {FETCH_TIMEOUT_S} s") from None
        if fetched.returncode != 0 or not holds_kafka(jars):
            lines = (fetched.stdout + fetched.stderr).strip().splitlines()
            raise Unavailable(f"mvn failed: {lines[0] if lines else fetched.returncode}")
        shutil.rmtree(folder, ignore_errors=True)
        jars.rename(folder)
