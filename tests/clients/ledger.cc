#include "clients/ledger.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <utility>

#include "base/check.h"
#include "base/crc32c.h"

namespace weir::clients {

Result<Ledger> Ledger::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return fail_errno(errno, "open " + path);
  return Ledger(fd);
}

Ledger::Ledger(Ledger&& from) noexcept : fd_(std::exchange(from.fd_, -1)) {}

Ledger::~Ledger() {
  if (fd_ >= 0) ::close(fd_);
}

void Ledger::append(const LedgerEntry& entry) const {
  CHECK(::write(fd_, &entry, sizeof entry) == sizeof entry, "ledger: errno {}", errno);
}

Result<std::vector<LedgerEntry>> read_ledger(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return fail(Errc::kNotFound, "no ledger at " + path);
  const auto size_bytes = static_cast<std::size_t>(file.tellg());
  std::vector<LedgerEntry> entries(size_bytes / sizeof(LedgerEntry));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(entries.data()),
            static_cast<std::streamsize>(entries.size() * sizeof(LedgerEntry)));
  if (!file) return fail(Errc::kIo, "read " + path);
  return entries;
}

Bytes payload_of(std::uint64_t sequence) {
  auto chance = sequence * 0x9e3779b97f4a7c15 + 1;
  const std::size_t filling_bytes = 20 + (chance >> 33) % 400;
  Bytes payload(8 + filling_bytes);
  store_be(payload.data(), sequence);
  for (std::size_t at = 8; at < payload.size(); ++at) {
    chance = chance * 6364136223846793005 + 1442695040888963407;
    payload[at] = static_cast<std::uint8_t>('a' + (chance >> 60));
  }
  return payload;
}

Result<std::uint64_t> sequence_of(ByteView payload) {
  if (payload.size() < 8) return fail(Errc::kCorrupt, "a payload of " + std::to_string(payload.size()) + " bytes");
  const auto sequence = load_be<std::uint64_t>(payload.data());
  if (!std::ranges::equal(payload, payload_of(sequence))) {
    return fail(Errc::kCorrupt, "changed payload of sequence " + std::to_string(sequence));
  }
  return sequence;
}

std::uint32_t payload_checksum(ByteView payload) {
  return crc32c(payload);
}

}  // namespace weir::clients
