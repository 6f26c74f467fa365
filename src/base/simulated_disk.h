#pragma once

// A disk in memory that does, from a seed, everything bad that disk.h allows: tests and simulation
// run on it.
//
// Each file has its durable content and the writes since its last sync; each directory its durable
// entries and the operations since its last sync. Calls see the newest state, as a page cache shows
// it. Crash() leaves one of the states that power loss could have left: of the unsynced operations
// of every file and directory any subset, each write whole, absent, torn at sector borders (a
// prefix, or any of its 512-byte sectors) or as the file's new size only, and later ones possibly
// kept where earlier ones are lost. The same seed and calls give the same outcome.
//
// Threads: any; one mutex.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/disk.h"

namespace fuqi {

class SimulatedDisk final : public Disk {
 public:
  explicit SimulatedDisk(uint64_t seed);
  ~SimulatedDisk() override;

  Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override;
  Result<void> Rename(const std::string& from, const std::string& to) override;
  Result<void> Remove(const std::string& path) override;
  Result<void> SyncDir(const std::string& dir) override;
  Result<void> MakeDirs(const std::string& dir) override;
  Result<std::vector<std::string>> List(const std::string& dir) override;
  Result<std::shared_ptr<void>> Lock(const std::string& dir) override;

  // Power is lost and comes back: what remains is what was synced plus whatever the seed keeps of
  // the rest. Open File objects and locks are dead from now on (kIo).
  void Crash();

  // Power is lost at the n-th sync from now on (1 is the next; File::Sync and SyncDir both count):
  // it and everything after it fails with kIo until Crash(). The seed decides whether that sync
  // still took effect.
  void LosePowerAtSync(uint64_t n);
  bool power_lost() const;

  // The n-th Write (Sync, Read) from now on gives kIo, once. A failed write may have written a
  // prefix. A failed sync drops some of what it should have synced: reads still show it, Crash()
  // never keeps it, and a later successful sync does not bring it back.
  void FailWrite(uint64_t n);
  void FailSync(uint64_t n);
  void FailRead(uint64_t n);
  // Writes that would need more than `bytes` in all beyond what the files hold now give kDiskFull.
  void LimitSpace(std::optional<uint64_t> bytes);
  // Flips one bit of the byte at `offset`, durably: decay, or a hand that tampers. kNotFound,
  // kOutOfRange.
  Result<void> FlipByte(const std::string& path, uint64_t offset, uint8_t mask = 0x01);

  // Calls of Sync and SyncDir so far: the crash points that a test walks through.
  uint64_t syncs() const;
  uint64_t writes() const;
  uint64_t reads() const;

 private:
  struct Impl;
  class OpenFile;
  std::shared_ptr<Impl> impl_;
};

}  // namespace fuqi
