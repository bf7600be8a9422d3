#pragma once

namespace troupe::node {

/// Gives back what only the start needed: free pages of the heap, and pages of
/// programs and libraries that were read once. The kernel maps 64 KiB around
/// every first use, so that nearly all of RocksDB is resident after opening a
/// store, of which a serving node uses a part; what it uses comes back from
/// the page cache. Any thread, while others run. Does nothing under a debugger,
/// whose breakpoints are private copies of these pages.
void release_startup_memory();

}  // namespace troupe::node
