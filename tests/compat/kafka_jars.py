"""Apache Kafka from Maven Central, kept outside the tree (XDG cache) and fetched once a version.

A set of jars counts once all of it is there: it is made beside its place and renamed. Nothing is downloaded when the
set is in the cache already.
"""
import fcntl
import os
import shutil
import subprocess
import tempfile

CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "weir-compat")
FETCH_SECONDS = 600

# The tools (DumpLogSegments) stop at 4.3.1 on Maven Central.
ARTIFACTS = {
    "4.3.1": ["org.apache.kafka:kafka_2.13:4.3.1", "org.apache.kafka:kafka-tools:4.3.1"],
    "4.4.0": ["org.apache.kafka:kafka_2.13:4.4.0"],
}
LOG_BINDING = "org.slf4j:slf4j-simple:1.7.36"


class Unavailable(Exception):
    """Why Apache Kafka can't be had here."""


def require_java():
    for program in ("java", "javac"):
        if shutil.which(program) is None:
            raise Unavailable(f"no {program} (Debian: openjdk-17-jdk-headless)")


def pom(artifacts):
    dependencies = "".join(
        "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>".format(
            *artifact.split(":")) for artifact in artifacts)
    return ("<project><modelVersion>4.0.0</modelVersion>"
            "<groupId>weir</groupId><artifactId>compat</artifactId><version>1</version>"
            f"<dependencies>{dependencies}</dependencies></project>")


def fetch(version):
    """The directory that holds the jars of this version. Raises Unavailable."""
    require_java()
    directory = os.path.join(CACHE, f"kafka-{version}")
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, ".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.isdir(directory):
            return directory
        if shutil.which("mvn") is None:
            raise Unavailable("no mvn (Debian: maven), and the jars are not in " + CACHE)
        with tempfile.TemporaryDirectory(dir=CACHE) as made:
            with open(os.path.join(made, "pom.xml"), "w", encoding="utf-8") as file:
                file.write(pom(ARTIFACTS[version] + [LOG_BINDING]))
            jars = os.path.join(made, "jars")
            command = ["mvn", "-q", "-B", "-f", os.path.join(made, "pom.xml"), "dependency:copy-dependencies",
                       f"-DoutputDirectory={jars}", "-DincludeScope=runtime"]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False)
            except subprocess.TimeoutExpired as late:
                raise Unavailable(f"Maven Central did not deliver in {FETCH_SECONDS} s") from late
            if done.returncode != 0:
                last = (done.stdout.strip() or done.stderr.strip() or "no message").splitlines()[0]
                raise Unavailable(f"mvn could not fetch Apache Kafka {version}: {last}")
            os.rename(jars, directory)
    return directory
