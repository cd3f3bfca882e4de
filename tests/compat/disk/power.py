"""A data directory on an image of its own whose power can be cut: loop-mounted ext4 and the GOINGDOWN ioctl, which
drops all that was not synced, as a power cut does. Root only."""
import fcntl
import os
import shutil
import struct
import subprocess

GOINGDOWN = 0x8004587D  # _IOR('X', 125, u32)
NO_LOG_FLUSH = 2
IMAGE_BYTES = 1 << 30


def why_not():
    """Why this can't be done here; None: it can."""
    if os.geteuid() != 0:
        return "cutting power needs root"
    missing = [name for name in ("mkfs.ext4", "mount", "umount") if shutil.which(name) is None]
    if missing:
        return f"no {', '.join(missing)}"
    return None


class Image:
    def __init__(self, work):
        self.file, self.mount_point = os.path.join(work, "image"), os.path.join(work, "mnt")
        os.makedirs(self.mount_point, exist_ok=True)
        with open(self.file, "wb") as file:
            file.truncate(IMAGE_BYTES)
        subprocess.run(["mkfs.ext4", "-q", "-F", self.file], check=True)
        self.mounted = False
        self.mount()

    def mount(self):
        subprocess.run(["mount", "-o", "loop", self.file, self.mount_point], check=True)
        self.mounted = True

    def unmount(self):
        if self.mounted:
            subprocess.run(["umount", self.mount_point], check=True)
            self.mounted = False

    def sync(self):
        subprocess.run(["sync", "-f", self.mount_point], check=True)

    def cut(self):
        """Nobody writes while this is called: stop them first."""
        handle = os.open(self.mount_point, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, GOINGDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(handle)
