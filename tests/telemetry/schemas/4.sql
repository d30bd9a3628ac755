CREATE TABLE IF NOT EXISTS probe_result (
    `ts` DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    `target_id` UInt32 CODEC(ZSTD(1)),
    `outcome` UInt8 CODEC(ZSTD(1)),
    `sent` UInt16 CODEC(ZSTD(1)),
    `received` UInt16 CODEC(ZSTD(1)),
    `rtt_ms` Nullable(Float32) CODEC(ZSTD(1)),
    `jitter_ms` Nullable(Float32) CODEC(ZSTD(1)),
    `dns_ms` Nullable(Float32) CODEC(ZSTD(1)),
    `connect_ms` Nullable(Float32) CODEC(ZSTD(1)),
    `tls_ms` Nullable(Float32) CODEC(ZSTD(1)),
    `first_byte_ms` Nullable(Float32) CODEC(ZSTD(1)),
    `reason` LowCardinality(String) CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(ts)
ORDER BY (target_id, ts)
TTL toDateTime(ts) + toIntervalDay(35)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60;

CREATE TABLE IF NOT EXISTS probe_result_1m (
    `ts` DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    `target_id` UInt32 CODEC(ZSTD(1)),
    `samples` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `runs_ok` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `runs_degraded` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `runs_failed` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `runs_unknown` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `sent_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `received_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `rtt_sum` SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    `rtt_count` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `rtt_min` SimpleAggregateFunction(min, Nullable(Float32)) CODEC(ZSTD(1)),
    `rtt_max` SimpleAggregateFunction(max, Nullable(Float32)) CODEC(ZSTD(1)),
    `jitter_sum` SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    `jitter_count` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `dns_sum` SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    `dns_count` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `connect_sum` SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    `connect_count` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `tls_sum` SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    `tls_count` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `first_byte_sum` SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    `first_byte_count` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (target_id, ts)
TTL toDateTime(ts) + toIntervalDay(90)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60;

CREATE TABLE IF NOT EXISTS probe_result_5m (
    `ts` DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    `target_id` UInt32 CODEC(ZSTD(1)),
    `samples` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `runs_ok` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `runs_degraded` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `runs_failed` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `runs_unknown` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `sent_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `received_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `rtt_sum` SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    `rtt_count` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `rtt_min` SimpleAggregateFunction(min, Nullable(Float32)) CODEC(ZSTD(1)),
    `rtt_max` SimpleAggregateFunction(max, Nullable(Float32)) CODEC(ZSTD(1)),
    `jitter_sum` SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    `jitter_count` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `dns_sum` SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    `dns_count` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `connect_sum` SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    `connect_count` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `tls_sum` SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    `tls_count` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `first_byte_sum` SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    `first_byte_count` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (target_id, ts)
TTL toDateTime(ts) + toIntervalDay(400)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60;

CREATE TABLE IF NOT EXISTS probe_result_1h (
    `ts` DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    `target_id` UInt32 CODEC(ZSTD(1)),
    `samples` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `runs_ok` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `runs_degraded` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `runs_failed` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `runs_unknown` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `sent_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `received_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `rtt_sum` SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    `rtt_count` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `rtt_min` SimpleAggregateFunction(min, Nullable(Float32)) CODEC(ZSTD(1)),
    `rtt_max` SimpleAggregateFunction(max, Nullable(Float32)) CODEC(ZSTD(1)),
    `jitter_sum` SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    `jitter_count` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `dns_sum` SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    `dns_count` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `connect_sum` SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    `connect_count` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `tls_sum` SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    `tls_count` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `first_byte_sum` SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    `first_byte_count` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYear(ts)
ORDER BY (target_id, ts)
TTL toDateTime(ts) + toIntervalDay(2192)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60;

CREATE TABLE IF NOT EXISTS interface_sample (
    `ts` DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    `device_id` UInt32 CODEC(ZSTD(1)),
    `if_index` UInt32 CODEC(ZSTD(1)),
    `seconds` Float32 CODEC(ZSTD(1)),
    `in_octets` UInt64 CODEC(T64, ZSTD(1)),
    `out_octets` UInt64 CODEC(T64, ZSTD(1)),
    `in_packets` UInt64 CODEC(T64, ZSTD(1)),
    `out_packets` UInt64 CODEC(T64, ZSTD(1)),
    `in_errors` UInt64 CODEC(T64, ZSTD(1)),
    `out_errors` UInt64 CODEC(T64, ZSTD(1)),
    `in_discards` UInt64 CODEC(T64, ZSTD(1)),
    `out_discards` UInt64 CODEC(T64, ZSTD(1)),
    `in_octets_counter` UInt64 CODEC(Delta, ZSTD(1)),
    `out_octets_counter` UInt64 CODEC(Delta, ZSTD(1)),
    `oper_up` UInt8 CODEC(ZSTD(1)),
    `speed_mbps` UInt32 CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(ts)
ORDER BY (device_id, if_index, ts)
TTL toDateTime(ts) + toIntervalDay(35)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60;

CREATE TABLE IF NOT EXISTS interface_sample_1m (
    `ts` DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    `device_id` UInt32 CODEC(ZSTD(1)),
    `if_index` UInt32 CODEC(ZSTD(1)),
    `samples` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `samples_valid` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `samples_up` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `seconds_total` SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    `in_octets_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `out_octets_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `in_packets_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `out_packets_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `in_errors_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `out_errors_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `in_discards_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `out_discards_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `in_bps_min` SimpleAggregateFunction(min, Nullable(Float32)) CODEC(ZSTD(1)),
    `in_bps_max` SimpleAggregateFunction(max, Nullable(Float32)) CODEC(ZSTD(1)),
    `out_bps_min` SimpleAggregateFunction(min, Nullable(Float32)) CODEC(ZSTD(1)),
    `out_bps_max` SimpleAggregateFunction(max, Nullable(Float32)) CODEC(ZSTD(1)),
    `speed_mbps_max` SimpleAggregateFunction(max, UInt32) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (device_id, if_index, ts)
TTL toDateTime(ts) + toIntervalDay(90)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60;

CREATE TABLE IF NOT EXISTS interface_sample_5m (
    `ts` DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    `device_id` UInt32 CODEC(ZSTD(1)),
    `if_index` UInt32 CODEC(ZSTD(1)),
    `samples` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `samples_valid` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `samples_up` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `seconds_total` SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    `in_octets_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `out_octets_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `in_packets_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `out_packets_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `in_errors_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `out_errors_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `in_discards_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `out_discards_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `in_bps_min` SimpleAggregateFunction(min, Nullable(Float32)) CODEC(ZSTD(1)),
    `in_bps_max` SimpleAggregateFunction(max, Nullable(Float32)) CODEC(ZSTD(1)),
    `out_bps_min` SimpleAggregateFunction(min, Nullable(Float32)) CODEC(ZSTD(1)),
    `out_bps_max` SimpleAggregateFunction(max, Nullable(Float32)) CODEC(ZSTD(1)),
    `speed_mbps_max` SimpleAggregateFunction(max, UInt32) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (device_id, if_index, ts)
TTL toDateTime(ts) + toIntervalDay(400)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60;

CREATE TABLE IF NOT EXISTS interface_sample_1h (
    `ts` DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    `device_id` UInt32 CODEC(ZSTD(1)),
    `if_index` UInt32 CODEC(ZSTD(1)),
    `samples` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `samples_valid` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `samples_up` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `seconds_total` SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    `in_octets_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `out_octets_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `in_packets_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `out_packets_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `in_errors_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `out_errors_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `in_discards_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `out_discards_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `in_bps_min` SimpleAggregateFunction(min, Nullable(Float32)) CODEC(ZSTD(1)),
    `in_bps_max` SimpleAggregateFunction(max, Nullable(Float32)) CODEC(ZSTD(1)),
    `out_bps_min` SimpleAggregateFunction(min, Nullable(Float32)) CODEC(ZSTD(1)),
    `out_bps_max` SimpleAggregateFunction(max, Nullable(Float32)) CODEC(ZSTD(1)),
    `speed_mbps_max` SimpleAggregateFunction(max, UInt32) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYear(ts)
ORDER BY (device_id, if_index, ts)
TTL toDateTime(ts) + toIntervalDay(2192)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60;

CREATE TABLE IF NOT EXISTS device_sample (
    `ts` DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    `device_id` UInt32 CODEC(ZSTD(1)),
    `uptime_s` UInt64 CODEC(Delta, ZSTD(1)),
    `cpu_percent` Nullable(Float32) CODEC(ZSTD(1)),
    `memory_percent` Nullable(Float32) CODEC(ZSTD(1)),
    `temperature_c` Nullable(Float32) CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(ts)
ORDER BY (device_id, ts)
TTL toDateTime(ts) + toIntervalDay(35)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60;

CREATE TABLE IF NOT EXISTS device_sample_1m (
    `ts` DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    `device_id` UInt32 CODEC(ZSTD(1)),
    `samples` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `uptime_s_min` SimpleAggregateFunction(min, UInt64) CODEC(ZSTD(1)),
    `uptime_s_max` SimpleAggregateFunction(max, UInt64) CODEC(ZSTD(1)),
    `cpu_sum` SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    `cpu_count` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `cpu_min` SimpleAggregateFunction(min, Nullable(Float32)) CODEC(ZSTD(1)),
    `cpu_max` SimpleAggregateFunction(max, Nullable(Float32)) CODEC(ZSTD(1)),
    `memory_sum` SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    `memory_count` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `memory_min` SimpleAggregateFunction(min, Nullable(Float32)) CODEC(ZSTD(1)),
    `memory_max` SimpleAggregateFunction(max, Nullable(Float32)) CODEC(ZSTD(1)),
    `temperature_sum` SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    `temperature_count` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `temperature_min` SimpleAggregateFunction(min, Nullable(Float32)) CODEC(ZSTD(1)),
    `temperature_max` SimpleAggregateFunction(max, Nullable(Float32)) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (device_id, ts)
TTL toDateTime(ts) + toIntervalDay(90)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60;

CREATE TABLE IF NOT EXISTS device_sample_5m (
    `ts` DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    `device_id` UInt32 CODEC(ZSTD(1)),
    `samples` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `uptime_s_min` SimpleAggregateFunction(min, UInt64) CODEC(ZSTD(1)),
    `uptime_s_max` SimpleAggregateFunction(max, UInt64) CODEC(ZSTD(1)),
    `cpu_sum` SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    `cpu_count` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `cpu_min` SimpleAggregateFunction(min, Nullable(Float32)) CODEC(ZSTD(1)),
    `cpu_max` SimpleAggregateFunction(max, Nullable(Float32)) CODEC(ZSTD(1)),
    `memory_sum` SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    `memory_count` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `memory_min` SimpleAggregateFunction(min, Nullable(Float32)) CODEC(ZSTD(1)),
    `memory_max` SimpleAggregateFunction(max, Nullable(Float32)) CODEC(ZSTD(1)),
    `temperature_sum` SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    `temperature_count` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `temperature_min` SimpleAggregateFunction(min, Nullable(Float32)) CODEC(ZSTD(1)),
    `temperature_max` SimpleAggregateFunction(max, Nullable(Float32)) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (device_id, ts)
TTL toDateTime(ts) + toIntervalDay(400)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60;

CREATE TABLE IF NOT EXISTS device_sample_1h (
    `ts` DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    `device_id` UInt32 CODEC(ZSTD(1)),
    `samples` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `uptime_s_min` SimpleAggregateFunction(min, UInt64) CODEC(ZSTD(1)),
    `uptime_s_max` SimpleAggregateFunction(max, UInt64) CODEC(ZSTD(1)),
    `cpu_sum` SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    `cpu_count` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `cpu_min` SimpleAggregateFunction(min, Nullable(Float32)) CODEC(ZSTD(1)),
    `cpu_max` SimpleAggregateFunction(max, Nullable(Float32)) CODEC(ZSTD(1)),
    `memory_sum` SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    `memory_count` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `memory_min` SimpleAggregateFunction(min, Nullable(Float32)) CODEC(ZSTD(1)),
    `memory_max` SimpleAggregateFunction(max, Nullable(Float32)) CODEC(ZSTD(1)),
    `temperature_sum` SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    `temperature_count` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `temperature_min` SimpleAggregateFunction(min, Nullable(Float32)) CODEC(ZSTD(1)),
    `temperature_max` SimpleAggregateFunction(max, Nullable(Float32)) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYear(ts)
ORDER BY (device_id, ts)
TTL toDateTime(ts) + toIntervalDay(2192)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60;

CREATE TABLE IF NOT EXISTS flow (
    `ts` DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    `unit_id` UInt32 CODEC(ZSTD(1)),
    `direction` UInt8 CODEC(ZSTD(1)),
    `application` UInt16 CODEC(ZSTD(1)),
    `protocol` UInt8 CODEC(ZSTD(1)),
    `carrier_id` UInt32 CODEC(ZSTD(1)),
    `circuit_id` UInt32 CODEC(ZSTD(1)),
    `peer_unit_id` UInt32 CODEC(ZSTD(1)),
    `access_point_id` UInt32 CODEC(ZSTD(1)),
    `exporter_id` UInt32 CODEC(ZSTD(1)),
    `in_if` UInt32 CODEC(ZSTD(1)),
    `out_if` UInt32 CODEC(ZSTD(1)),
    `src` IPv6 CODEC(ZSTD(1)),
    `dst` IPv6 CODEC(ZSTD(1)),
    `src_port` UInt16 CODEC(ZSTD(1)),
    `dst_port` UInt16 CODEC(ZSTD(1)),
    `tcp_flags` UInt8 CODEC(ZSTD(1)),
    `tos` UInt8 CODEC(ZSTD(1)),
    `src_as` UInt32 CODEC(ZSTD(1)),
    `dst_as` UInt32 CODEC(ZSTD(1)),
    `country` UInt16 CODEC(ZSTD(1)),
    `bytes` UInt64 CODEC(T64, ZSTD(1)),
    `packets` UInt64 CODEC(T64, ZSTD(1)),
    `sampling` UInt32 CODEC(ZSTD(1)),
    `duration_ms` UInt32 CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(ts)
ORDER BY (unit_id, ts)
TTL toDateTime(ts) + toIntervalDay(15)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60, merge_selector_base = 20, min_bytes_for_wide_part = 134217728;

CREATE TABLE IF NOT EXISTS flow_1m (
    `ts` DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    `unit_id` UInt32 CODEC(ZSTD(1)),
    `direction` UInt8 CODEC(ZSTD(1)),
    `application` UInt16 CODEC(ZSTD(1)),
    `protocol` UInt8 CODEC(ZSTD(1)),
    `carrier_id` UInt32 CODEC(ZSTD(1)),
    `circuit_id` UInt32 CODEC(ZSTD(1)),
    `peer_unit_id` UInt32 CODEC(ZSTD(1)),
    `access_point_id` UInt32 CODEC(ZSTD(1)),
    `octets` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `packets_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `flows` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (unit_id, direction, application, protocol, carrier_id, circuit_id, peer_unit_id, access_point_id, ts)
TTL toDateTime(ts) + toIntervalDay(90)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60;

CREATE TABLE IF NOT EXISTS flow_5m (
    `ts` DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    `unit_id` UInt32 CODEC(ZSTD(1)),
    `direction` UInt8 CODEC(ZSTD(1)),
    `application` UInt16 CODEC(ZSTD(1)),
    `protocol` UInt8 CODEC(ZSTD(1)),
    `carrier_id` UInt32 CODEC(ZSTD(1)),
    `circuit_id` UInt32 CODEC(ZSTD(1)),
    `peer_unit_id` UInt32 CODEC(ZSTD(1)),
    `access_point_id` UInt32 CODEC(ZSTD(1)),
    `octets` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `packets_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `flows` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (unit_id, direction, application, protocol, carrier_id, circuit_id, peer_unit_id, access_point_id, ts)
TTL toDateTime(ts) + toIntervalDay(400)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60;

CREATE TABLE IF NOT EXISTS flow_1h (
    `ts` DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    `unit_id` UInt32 CODEC(ZSTD(1)),
    `direction` UInt8 CODEC(ZSTD(1)),
    `application` UInt16 CODEC(ZSTD(1)),
    `protocol` UInt8 CODEC(ZSTD(1)),
    `carrier_id` UInt32 CODEC(ZSTD(1)),
    `circuit_id` UInt32 CODEC(ZSTD(1)),
    `peer_unit_id` UInt32 CODEC(ZSTD(1)),
    `access_point_id` UInt32 CODEC(ZSTD(1)),
    `octets` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `packets_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `flows` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYear(ts)
ORDER BY (unit_id, direction, application, protocol, carrier_id, circuit_id, peer_unit_id, access_point_id, ts)
TTL toDateTime(ts) + toIntervalDay(2192)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60;

CREATE TABLE IF NOT EXISTS flow_host_5m (
    `ts` DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    `unit_id` UInt32 CODEC(ZSTD(1)),
    `direction` UInt8 CODEC(ZSTD(1)),
    `host` IPv6 CODEC(ZSTD(1)),
    `octets` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `packets_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `flows` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (unit_id, direction, host, ts)
TTL toDateTime(ts) + toIntervalDay(400)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60;

CREATE TABLE IF NOT EXISTS flow_host_1h (
    `ts` DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    `unit_id` UInt32 CODEC(ZSTD(1)),
    `direction` UInt8 CODEC(ZSTD(1)),
    `host` IPv6 CODEC(ZSTD(1)),
    `octets` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `packets_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `flows` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYear(ts)
ORDER BY (unit_id, direction, host, ts)
TTL toDateTime(ts) + toIntervalDay(2192)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60;

CREATE TABLE IF NOT EXISTS flow_interface_5m (
    `ts` DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    `exporter_id` UInt32 CODEC(ZSTD(1)),
    `in_if` UInt32 CODEC(ZSTD(1)),
    `out_if` UInt32 CODEC(ZSTD(1)),
    `octets` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `packets_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `flows` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (exporter_id, in_if, out_if, ts)
TTL toDateTime(ts) + toIntervalDay(400)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60;

CREATE TABLE IF NOT EXISTS flow_interface_1h (
    `ts` DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    `exporter_id` UInt32 CODEC(ZSTD(1)),
    `in_if` UInt32 CODEC(ZSTD(1)),
    `out_if` UInt32 CODEC(ZSTD(1)),
    `octets` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `packets_total` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    `flows` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYear(ts)
ORDER BY (exporter_id, in_if, out_if, ts)
TTL toDateTime(ts) + toIntervalDay(2192)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60;

CREATE TABLE IF NOT EXISTS log_message (
    `ts` DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    `device_id` UInt32 CODEC(ZSTD(1)),
    `source_id` UInt32 CODEC(ZSTD(1)),
    `severity` UInt8 CODEC(ZSTD(1)),
    `address` IPv6 CODEC(ZSTD(1)),
    `channel` LowCardinality(String) CODEC(ZSTD(1)),
    `facility` UInt8 CODEC(ZSTD(1)),
    `host` String CODEC(ZSTD(1)),
    `program` LowCardinality(String) CODEC(ZSTD(1)),
    `vendor` LowCardinality(String) CODEC(ZSTD(1)),
    `event` LowCardinality(String) CODEC(ZSTD(1)),
    `about` String CODEC(ZSTD(1)),
    `port_id` UInt32 CODEC(ZSTD(1)),
    `skew_s` Nullable(Float32) CODEC(ZSTD(1)),
    `head` String CODEC(ZSTD(1)),
    `text` String CODEC(ZSTD(1)),
    `raw` String CODEC(ZSTD(1)),
    INDEX words text TYPE text(tokenizer = asciiCJK, preprocessor = lower(text)),
    INDEX devices device_id TYPE set(64) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (ts)
TTL toDateTime(ts) + toIntervalDay(400)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60;

CREATE TABLE IF NOT EXISTS log_message_1h (
    `ts` DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    `device_id` UInt32 CODEC(ZSTD(1)),
    `source_id` UInt32 CODEC(ZSTD(1)),
    `severity` UInt8 CODEC(ZSTD(1)),
    `messages` SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYear(ts)
ORDER BY (device_id, source_id, severity, ts)
TTL toDateTime(ts) + toIntervalDay(2192)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60;

CREATE MATERIALIZED VIEW IF NOT EXISTS probe_result_1m_mv TO probe_result_1m AS SELECT bucket AS ts, target_id,
    samples, runs_ok, runs_degraded, runs_failed, runs_unknown, sent_total, received_total, rtt_sum, rtt_count, rtt_min, rtt_max, jitter_sum, jitter_count, dns_sum, dns_count, connect_sum, connect_count, tls_sum, tls_count, first_byte_sum, first_byte_count
FROM (
    SELECT toStartOfInterval(toDateTime(ts, 'UTC'), toIntervalSecond(60), 'UTC') AS bucket, target_id,
    sum(1) AS samples,
    sum(outcome = 0) AS runs_ok,
    sum(outcome = 1) AS runs_degraded,
    sum(outcome = 2) AS runs_failed,
    sum(outcome = 3) AS runs_unknown,
    sum(if(outcome != 3, sent, 0)) AS sent_total,
    sum(if(outcome != 3, received, 0)) AS received_total,
    sum(toFloat64(ifNull(if(outcome != 3, rtt_ms, NULL), 0))) AS rtt_sum,
    sum(isNotNull(if(outcome != 3, rtt_ms, NULL))) AS rtt_count,
    min(if(outcome != 3, rtt_ms, NULL)) AS rtt_min,
    max(if(outcome != 3, rtt_ms, NULL)) AS rtt_max,
    sum(toFloat64(ifNull(if(outcome != 3, jitter_ms, NULL), 0))) AS jitter_sum,
    sum(isNotNull(if(outcome != 3, jitter_ms, NULL))) AS jitter_count,
    sum(toFloat64(ifNull(if(outcome != 3, dns_ms, NULL), 0))) AS dns_sum,
    sum(isNotNull(if(outcome != 3, dns_ms, NULL))) AS dns_count,
    sum(toFloat64(ifNull(if(outcome != 3, connect_ms, NULL), 0))) AS connect_sum,
    sum(isNotNull(if(outcome != 3, connect_ms, NULL))) AS connect_count,
    sum(toFloat64(ifNull(if(outcome != 3, tls_ms, NULL), 0))) AS tls_sum,
    sum(isNotNull(if(outcome != 3, tls_ms, NULL))) AS tls_count,
    sum(toFloat64(ifNull(if(outcome != 3, first_byte_ms, NULL), 0))) AS first_byte_sum,
    sum(isNotNull(if(outcome != 3, first_byte_ms, NULL))) AS first_byte_count
    FROM probe_result
    GROUP BY bucket, target_id
);

CREATE MATERIALIZED VIEW IF NOT EXISTS probe_result_5m_mv TO probe_result_5m AS SELECT bucket AS ts, target_id,
    samples, runs_ok, runs_degraded, runs_failed, runs_unknown, sent_total, received_total, rtt_sum, rtt_count, rtt_min, rtt_max, jitter_sum, jitter_count, dns_sum, dns_count, connect_sum, connect_count, tls_sum, tls_count, first_byte_sum, first_byte_count
FROM (
    SELECT toStartOfInterval(toDateTime(ts, 'UTC'), toIntervalSecond(300), 'UTC') AS bucket, target_id,
    sum(1) AS samples,
    sum(outcome = 0) AS runs_ok,
    sum(outcome = 1) AS runs_degraded,
    sum(outcome = 2) AS runs_failed,
    sum(outcome = 3) AS runs_unknown,
    sum(if(outcome != 3, sent, 0)) AS sent_total,
    sum(if(outcome != 3, received, 0)) AS received_total,
    sum(toFloat64(ifNull(if(outcome != 3, rtt_ms, NULL), 0))) AS rtt_sum,
    sum(isNotNull(if(outcome != 3, rtt_ms, NULL))) AS rtt_count,
    min(if(outcome != 3, rtt_ms, NULL)) AS rtt_min,
    max(if(outcome != 3, rtt_ms, NULL)) AS rtt_max,
    sum(toFloat64(ifNull(if(outcome != 3, jitter_ms, NULL), 0))) AS jitter_sum,
    sum(isNotNull(if(outcome != 3, jitter_ms, NULL))) AS jitter_count,
    sum(toFloat64(ifNull(if(outcome != 3, dns_ms, NULL), 0))) AS dns_sum,
    sum(isNotNull(if(outcome != 3, dns_ms, NULL))) AS dns_count,
    sum(toFloat64(ifNull(if(outcome != 3, connect_ms, NULL), 0))) AS connect_sum,
    sum(isNotNull(if(outcome != 3, connect_ms, NULL))) AS connect_count,
    sum(toFloat64(ifNull(if(outcome != 3, tls_ms, NULL), 0))) AS tls_sum,
    sum(isNotNull(if(outcome != 3, tls_ms, NULL))) AS tls_count,
    sum(toFloat64(ifNull(if(outcome != 3, first_byte_ms, NULL), 0))) AS first_byte_sum,
    sum(isNotNull(if(outcome != 3, first_byte_ms, NULL))) AS first_byte_count
    FROM probe_result
    GROUP BY bucket, target_id
);

CREATE MATERIALIZED VIEW IF NOT EXISTS probe_result_1h_mv TO probe_result_1h AS SELECT bucket AS ts, target_id,
    samples, runs_ok, runs_degraded, runs_failed, runs_unknown, sent_total, received_total, rtt_sum, rtt_count, rtt_min, rtt_max, jitter_sum, jitter_count, dns_sum, dns_count, connect_sum, connect_count, tls_sum, tls_count, first_byte_sum, first_byte_count
FROM (
    SELECT toStartOfInterval(toDateTime(ts, 'UTC'), toIntervalSecond(3600), 'UTC') AS bucket, target_id,
    sum(1) AS samples,
    sum(outcome = 0) AS runs_ok,
    sum(outcome = 1) AS runs_degraded,
    sum(outcome = 2) AS runs_failed,
    sum(outcome = 3) AS runs_unknown,
    sum(if(outcome != 3, sent, 0)) AS sent_total,
    sum(if(outcome != 3, received, 0)) AS received_total,
    sum(toFloat64(ifNull(if(outcome != 3, rtt_ms, NULL), 0))) AS rtt_sum,
    sum(isNotNull(if(outcome != 3, rtt_ms, NULL))) AS rtt_count,
    min(if(outcome != 3, rtt_ms, NULL)) AS rtt_min,
    max(if(outcome != 3, rtt_ms, NULL)) AS rtt_max,
    sum(toFloat64(ifNull(if(outcome != 3, jitter_ms, NULL), 0))) AS jitter_sum,
    sum(isNotNull(if(outcome != 3, jitter_ms, NULL))) AS jitter_count,
    sum(toFloat64(ifNull(if(outcome != 3, dns_ms, NULL), 0))) AS dns_sum,
    sum(isNotNull(if(outcome != 3, dns_ms, NULL))) AS dns_count,
    sum(toFloat64(ifNull(if(outcome != 3, connect_ms, NULL), 0))) AS connect_sum,
    sum(isNotNull(if(outcome != 3, connect_ms, NULL))) AS connect_count,
    sum(toFloat64(ifNull(if(outcome != 3, tls_ms, NULL), 0))) AS tls_sum,
    sum(isNotNull(if(outcome != 3, tls_ms, NULL))) AS tls_count,
    sum(toFloat64(ifNull(if(outcome != 3, first_byte_ms, NULL), 0))) AS first_byte_sum,
    sum(isNotNull(if(outcome != 3, first_byte_ms, NULL))) AS first_byte_count
    FROM probe_result
    GROUP BY bucket, target_id
);

CREATE MATERIALIZED VIEW IF NOT EXISTS interface_sample_1m_mv TO interface_sample_1m AS SELECT bucket AS ts, device_id, if_index,
    samples, samples_valid, samples_up, seconds_total, in_octets_total, out_octets_total, in_packets_total, out_packets_total, in_errors_total, out_errors_total, in_discards_total, out_discards_total, in_bps_min, in_bps_max, out_bps_min, out_bps_max, speed_mbps_max
FROM (
    SELECT toStartOfInterval(toDateTime(ts, 'UTC'), toIntervalSecond(60), 'UTC') AS bucket, device_id, if_index,
    sum(1) AS samples,
    sum(seconds > 0) AS samples_valid,
    sum(oper_up) AS samples_up,
    sum(toFloat64(seconds)) AS seconds_total,
    sum(if(seconds > 0, in_octets, 0)) AS in_octets_total,
    sum(if(seconds > 0, out_octets, 0)) AS out_octets_total,
    sum(if(seconds > 0, in_packets, 0)) AS in_packets_total,
    sum(if(seconds > 0, out_packets, 0)) AS out_packets_total,
    sum(if(seconds > 0, in_errors, 0)) AS in_errors_total,
    sum(if(seconds > 0, out_errors, 0)) AS out_errors_total,
    sum(if(seconds > 0, in_discards, 0)) AS in_discards_total,
    sum(if(seconds > 0, out_discards, 0)) AS out_discards_total,
    min(if(seconds > 0, toFloat32(in_octets * 8 / seconds), NULL)) AS in_bps_min,
    max(if(seconds > 0, toFloat32(in_octets * 8 / seconds), NULL)) AS in_bps_max,
    min(if(seconds > 0, toFloat32(out_octets * 8 / seconds), NULL)) AS out_bps_min,
    max(if(seconds > 0, toFloat32(out_octets * 8 / seconds), NULL)) AS out_bps_max,
    max(speed_mbps) AS speed_mbps_max
    FROM interface_sample
    GROUP BY bucket, device_id, if_index
);

CREATE MATERIALIZED VIEW IF NOT EXISTS interface_sample_5m_mv TO interface_sample_5m AS SELECT bucket AS ts, device_id, if_index,
    samples, samples_valid, samples_up, seconds_total, in_octets_total, out_octets_total, in_packets_total, out_packets_total, in_errors_total, out_errors_total, in_discards_total, out_discards_total, in_bps_min, in_bps_max, out_bps_min, out_bps_max, speed_mbps_max
FROM (
    SELECT toStartOfInterval(toDateTime(ts, 'UTC'), toIntervalSecond(300), 'UTC') AS bucket, device_id, if_index,
    sum(1) AS samples,
    sum(seconds > 0) AS samples_valid,
    sum(oper_up) AS samples_up,
    sum(toFloat64(seconds)) AS seconds_total,
    sum(if(seconds > 0, in_octets, 0)) AS in_octets_total,
    sum(if(seconds > 0, out_octets, 0)) AS out_octets_total,
    sum(if(seconds > 0, in_packets, 0)) AS in_packets_total,
    sum(if(seconds > 0, out_packets, 0)) AS out_packets_total,
    sum(if(seconds > 0, in_errors, 0)) AS in_errors_total,
    sum(if(seconds > 0, out_errors, 0)) AS out_errors_total,
    sum(if(seconds > 0, in_discards, 0)) AS in_discards_total,
    sum(if(seconds > 0, out_discards, 0)) AS out_discards_total,
    min(if(seconds > 0, toFloat32(in_octets * 8 / seconds), NULL)) AS in_bps_min,
    max(if(seconds > 0, toFloat32(in_octets * 8 / seconds), NULL)) AS in_bps_max,
    min(if(seconds > 0, toFloat32(out_octets * 8 / seconds), NULL)) AS out_bps_min,
    max(if(seconds > 0, toFloat32(out_octets * 8 / seconds), NULL)) AS out_bps_max,
    max(speed_mbps) AS speed_mbps_max
    FROM interface_sample
    GROUP BY bucket, device_id, if_index
);

CREATE MATERIALIZED VIEW IF NOT EXISTS interface_sample_1h_mv TO interface_sample_1h AS SELECT bucket AS ts, device_id, if_index,
    samples, samples_valid, samples_up, seconds_total, in_octets_total, out_octets_total, in_packets_total, out_packets_total, in_errors_total, out_errors_total, in_discards_total, out_discards_total, in_bps_min, in_bps_max, out_bps_min, out_bps_max, speed_mbps_max
FROM (
    SELECT toStartOfInterval(toDateTime(ts, 'UTC'), toIntervalSecond(3600), 'UTC') AS bucket, device_id, if_index,
    sum(1) AS samples,
    sum(seconds > 0) AS samples_valid,
    sum(oper_up) AS samples_up,
    sum(toFloat64(seconds)) AS seconds_total,
    sum(if(seconds > 0, in_octets, 0)) AS in_octets_total,
    sum(if(seconds > 0, out_octets, 0)) AS out_octets_total,
    sum(if(seconds > 0, in_packets, 0)) AS in_packets_total,
    sum(if(seconds > 0, out_packets, 0)) AS out_packets_total,
    sum(if(seconds > 0, in_errors, 0)) AS in_errors_total,
    sum(if(seconds > 0, out_errors, 0)) AS out_errors_total,
    sum(if(seconds > 0, in_discards, 0)) AS in_discards_total,
    sum(if(seconds > 0, out_discards, 0)) AS out_discards_total,
    min(if(seconds > 0, toFloat32(in_octets * 8 / seconds), NULL)) AS in_bps_min,
    max(if(seconds > 0, toFloat32(in_octets * 8 / seconds), NULL)) AS in_bps_max,
    min(if(seconds > 0, toFloat32(out_octets * 8 / seconds), NULL)) AS out_bps_min,
    max(if(seconds > 0, toFloat32(out_octets * 8 / seconds), NULL)) AS out_bps_max,
    max(speed_mbps) AS speed_mbps_max
    FROM interface_sample
    GROUP BY bucket, device_id, if_index
);

CREATE MATERIALIZED VIEW IF NOT EXISTS device_sample_1m_mv TO device_sample_1m AS SELECT bucket AS ts, device_id,
    samples, uptime_s_min, uptime_s_max, cpu_sum, cpu_count, cpu_min, cpu_max, memory_sum, memory_count, memory_min, memory_max, temperature_sum, temperature_count, temperature_min, temperature_max
FROM (
    SELECT toStartOfInterval(toDateTime(ts, 'UTC'), toIntervalSecond(60), 'UTC') AS bucket, device_id,
    sum(1) AS samples,
    min(uptime_s) AS uptime_s_min,
    max(uptime_s) AS uptime_s_max,
    sum(toFloat64(ifNull(cpu_percent, 0))) AS cpu_sum,
    sum(isNotNull(cpu_percent)) AS cpu_count,
    min(cpu_percent) AS cpu_min,
    max(cpu_percent) AS cpu_max,
    sum(toFloat64(ifNull(memory_percent, 0))) AS memory_sum,
    sum(isNotNull(memory_percent)) AS memory_count,
    min(memory_percent) AS memory_min,
    max(memory_percent) AS memory_max,
    sum(toFloat64(ifNull(temperature_c, 0))) AS temperature_sum,
    sum(isNotNull(temperature_c)) AS temperature_count,
    min(temperature_c) AS temperature_min,
    max(temperature_c) AS temperature_max
    FROM device_sample
    GROUP BY bucket, device_id
);

CREATE MATERIALIZED VIEW IF NOT EXISTS device_sample_5m_mv TO device_sample_5m AS SELECT bucket AS ts, device_id,
    samples, uptime_s_min, uptime_s_max, cpu_sum, cpu_count, cpu_min, cpu_max, memory_sum, memory_count, memory_min, memory_max, temperature_sum, temperature_count, temperature_min, temperature_max
FROM (
    SELECT toStartOfInterval(toDateTime(ts, 'UTC'), toIntervalSecond(300), 'UTC') AS bucket, device_id,
    sum(1) AS samples,
    min(uptime_s) AS uptime_s_min,
    max(uptime_s) AS uptime_s_max,
    sum(toFloat64(ifNull(cpu_percent, 0))) AS cpu_sum,
    sum(isNotNull(cpu_percent)) AS cpu_count,
    min(cpu_percent) AS cpu_min,
    max(cpu_percent) AS cpu_max,
    sum(toFloat64(ifNull(memory_percent, 0))) AS memory_sum,
    sum(isNotNull(memory_percent)) AS memory_count,
    min(memory_percent) AS memory_min,
    max(memory_percent) AS memory_max,
    sum(toFloat64(ifNull(temperature_c, 0))) AS temperature_sum,
    sum(isNotNull(temperature_c)) AS temperature_count,
    min(temperature_c) AS temperature_min,
    max(temperature_c) AS temperature_max
    FROM device_sample
    GROUP BY bucket, device_id
);

CREATE MATERIALIZED VIEW IF NOT EXISTS device_sample_1h_mv TO device_sample_1h AS SELECT bucket AS ts, device_id,
    samples, uptime_s_min, uptime_s_max, cpu_sum, cpu_count, cpu_min, cpu_max, memory_sum, memory_count, memory_min, memory_max, temperature_sum, temperature_count, temperature_min, temperature_max
FROM (
    SELECT toStartOfInterval(toDateTime(ts, 'UTC'), toIntervalSecond(3600), 'UTC') AS bucket, device_id,
    sum(1) AS samples,
    min(uptime_s) AS uptime_s_min,
    max(uptime_s) AS uptime_s_max,
    sum(toFloat64(ifNull(cpu_percent, 0))) AS cpu_sum,
    sum(isNotNull(cpu_percent)) AS cpu_count,
    min(cpu_percent) AS cpu_min,
    max(cpu_percent) AS cpu_max,
    sum(toFloat64(ifNull(memory_percent, 0))) AS memory_sum,
    sum(isNotNull(memory_percent)) AS memory_count,
    min(memory_percent) AS memory_min,
    max(memory_percent) AS memory_max,
    sum(toFloat64(ifNull(temperature_c, 0))) AS temperature_sum,
    sum(isNotNull(temperature_c)) AS temperature_count,
    min(temperature_c) AS temperature_min,
    max(temperature_c) AS temperature_max
    FROM device_sample
    GROUP BY bucket, device_id
);

CREATE MATERIALIZED VIEW IF NOT EXISTS flow_1m_mv TO flow_1m AS SELECT bucket AS ts, unit_id, direction, application, protocol, carrier_id, circuit_id, peer_unit_id, access_point_id,
    octets, packets_total, flows
FROM (
    SELECT toStartOfInterval(toDateTime(ts, 'UTC'), toIntervalSecond(60), 'UTC') AS bucket, unit_id, direction, application, protocol, carrier_id, circuit_id, peer_unit_id, access_point_id,
    sum(bytes) AS octets,
    sum(packets) AS packets_total,
    sum(1) AS flows
    FROM flow
    GROUP BY bucket, unit_id, direction, application, protocol, carrier_id, circuit_id, peer_unit_id, access_point_id
);

CREATE MATERIALIZED VIEW IF NOT EXISTS flow_5m_mv TO flow_5m AS SELECT bucket AS ts, unit_id, direction, application, protocol, carrier_id, circuit_id, peer_unit_id, access_point_id,
    octets_ AS octets, packets_total_ AS packets_total, flows_ AS flows
FROM (
    SELECT toStartOfInterval(toDateTime(ts, 'UTC'), toIntervalSecond(300), 'UTC') AS bucket, unit_id, direction, application, protocol, carrier_id, circuit_id, peer_unit_id, access_point_id,
    sum(octets) AS octets_,
    sum(packets_total) AS packets_total_,
    sum(flows) AS flows_
    FROM flow_1m
    GROUP BY bucket, unit_id, direction, application, protocol, carrier_id, circuit_id, peer_unit_id, access_point_id
);

CREATE MATERIALIZED VIEW IF NOT EXISTS flow_1h_mv TO flow_1h AS SELECT bucket AS ts, unit_id, direction, application, protocol, carrier_id, circuit_id, peer_unit_id, access_point_id,
    octets_ AS octets, packets_total_ AS packets_total, flows_ AS flows
FROM (
    SELECT toStartOfInterval(toDateTime(ts, 'UTC'), toIntervalSecond(3600), 'UTC') AS bucket, unit_id, direction, application, protocol, carrier_id, circuit_id, peer_unit_id, access_point_id,
    sum(octets) AS octets_,
    sum(packets_total) AS packets_total_,
    sum(flows) AS flows_
    FROM flow_1m
    GROUP BY bucket, unit_id, direction, application, protocol, carrier_id, circuit_id, peer_unit_id, access_point_id
);

CREATE MATERIALIZED VIEW IF NOT EXISTS flow_host_5m_mv TO flow_host_5m AS SELECT ts, unit_id, direction, host_ AS host, octets_ AS octets, packets_total_ AS packets_total, flows_ AS flows
FROM (
    SELECT ts, unit_id, direction, if(place <= 1000, host, toIPv6('::')) AS host_, sum(octets) AS octets_, sum(packets_total) AS packets_total_, sum(flows) AS flows_
    FROM (
        SELECT *, row_number() OVER (PARTITION BY ts ORDER BY octets DESC) AS place FROM (SELECT bucket AS ts, unit_id, direction, host, octets, packets_total, flows
FROM (
    SELECT toStartOfInterval(toDateTime(ts, 'UTC'), toIntervalSecond(300), 'UTC') AS bucket, unit_id, direction, if(direction = 2, dst, src) AS host,
    sum(bytes) AS octets, sum(packets) AS packets_total, sum(1) AS flows
    FROM flow
    GROUP BY bucket, unit_id, direction, host
))
    )
    GROUP BY ts, unit_id, direction, host_
);

CREATE MATERIALIZED VIEW IF NOT EXISTS flow_host_1h_mv TO flow_host_1h AS SELECT bucket AS ts, unit_id, direction, host,
    octets_ AS octets, packets_total_ AS packets_total, flows_ AS flows
FROM (
    SELECT toStartOfInterval(toDateTime(ts, 'UTC'), toIntervalSecond(3600), 'UTC') AS bucket, unit_id, direction, host,
    sum(octets) AS octets_,
    sum(packets_total) AS packets_total_,
    sum(flows) AS flows_
    FROM flow_host_5m
    GROUP BY bucket, unit_id, direction, host
);

CREATE MATERIALIZED VIEW IF NOT EXISTS flow_interface_5m_mv TO flow_interface_5m AS SELECT bucket AS ts, exporter_id, in_if, out_if, octets, packets_total, flows
FROM (
    SELECT toStartOfInterval(toDateTime(ts, 'UTC'), toIntervalSecond(300), 'UTC') AS bucket, exporter_id, in_if, out_if,
    sum(bytes) AS octets, sum(packets) AS packets_total, sum(1) AS flows
    FROM flow
    GROUP BY bucket, exporter_id, in_if, out_if
);

CREATE MATERIALIZED VIEW IF NOT EXISTS flow_interface_1h_mv TO flow_interface_1h AS SELECT bucket AS ts, exporter_id, in_if, out_if,
    octets_ AS octets, packets_total_ AS packets_total, flows_ AS flows
FROM (
    SELECT toStartOfInterval(toDateTime(ts, 'UTC'), toIntervalSecond(3600), 'UTC') AS bucket, exporter_id, in_if, out_if,
    sum(octets) AS octets_,
    sum(packets_total) AS packets_total_,
    sum(flows) AS flows_
    FROM flow_interface_5m
    GROUP BY bucket, exporter_id, in_if, out_if
);

CREATE MATERIALIZED VIEW IF NOT EXISTS log_message_1h_mv TO log_message_1h AS SELECT bucket AS ts, device_id, source_id, severity,
    messages
FROM (
    SELECT toStartOfInterval(toDateTime(ts, 'UTC'), toIntervalSecond(3600), 'UTC') AS bucket, device_id, source_id, severity,
    sum(1) AS messages
    FROM log_message
    GROUP BY bucket, device_id, source_id, severity
);
