# rocksdb-uring as a plugin inside a RocksDB tree: plugin/README.md, "Inside
# RocksDB's own build".
# Read by RocksDB's make and, with regular expressions, by its cmake: lists are
# one line each, and the first words "SOURCES", "FUNC" and "LIBS" that an equals
# sign follows must be those below. CMakeLists.txt has what cmake needs besides.
# RocksDB registers the plugin by calling the function, so that the static
# initialiser stays out, as does what only the preload needs.
#
# SPDX-License-Identifier: Apache-2.0
uring_SOURCES = env/base/debug_log.cc env/base/process_memory.cc env/engine/abandoned_reads.cc env/engine/async_shard.cc env/engine/background_pace.cc env/engine/breaker.cc env/engine/buffer_budget.cc env/engine/completion.cc env/engine/deadline_reads.cc env/engine/fork_generation.cc env/engine/huge_blocks.cc env/engine/in_flight.cc env/engine/io_op.cc env/engine/io_priority.cc env/engine/kept_buffers.cc env/engine/latency_histogram.cc env/engine/live_ring.cc env/engine/polling.cc env/engine/posix_engine.cc env/engine/request_table.cc env/engine/ring_batch.cc env/engine/ring_loop.cc env/engine/ring_pool.cc env/engine/ring_request.cc env/engine/shard_queue.cc env/engine/shard_waiters.cc env/engine/shared_engine.cc env/engine/statistics.cc env/engine/system_calls.cc env/engine/uring_engine.cc env/file/async_read.cc env/file/direct_alignment.cc env/file/directory.cc env/file/early_write_out.cc env/file/file_end.cc env/file/file_kind.cc env/file/file_policy.cc env/file/io_status.cc env/file/log_reuse.cc env/file/open_file.cc env/file/page_cache_ahead.cc env/file/random_access_file.cc env/file/random_rw_file.cc env/file/read_advice.cc env/file/read_ahead.cc env/file/read_window.cc env/file/sequential_file.cc env/file/stream.cc env/file/submitted_read.cc env/file/writable_file.cc env/file/write_behind.cc env/file/write_checksum.cc env/file/write_out.cc env/fs/configured_file_system.cc env/fs/control_file.cc env/fs/file_system_engine.cc env/fs/live_control.cc env/fs/options.cc env/fs/prometheus.cc env/fs/prometheus_text.cc env/fs/read_executor.cc env/fs/removed_files.cc env/fs/replace_file.cc env/fs/reported_logger.cc env/fs/reports.cc env/fs/settings.cc env/fs/stats_file.cc env/fs/stats_log.cc env/fs/ticker.cc env/fs/uring_file_system.cc env/ring/features.cc env/ring/liburing_ring.cc plugin/c.cc plugin/engine.cc plugin/engine_c.cc plugin/engine_config.cc plugin/registration.cc plugin/uring.cc
uring_HEADERS = plugin/rocksdb_uring/uring.h plugin/rocksdb_uring/c.h
uring_FUNC = RegisterUringFileSystem
uring_LIBS = uring
uring_LDFLAGS = -luring
uring_CXXFLAGS = -Iplugin/uring -Iplugin/uring/plugin
