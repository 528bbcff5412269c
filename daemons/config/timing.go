package config

import "time"

// Timing are all times and counts of agent and broker. The table in timingKeys says what each is, what upstream calls it,
// and whether the time factor applies.
type Timing struct {
	LoopDelay                      time.Duration
	StorageDelay                   time.Duration
	MonitorInterval                time.Duration
	HostAliveTimeout               time.Duration
	StatsHistory                   time.Duration
	EngineRetryExpiration          time.Duration
	EngineRetryMaxAttempts         int
	EngineBadHealthTimeout         time.Duration
	EngineStartingTimeout          time.Duration
	EngineAwayExpiration           time.Duration
	VMUnexpectedShutdownExpiration time.Duration
	RestartThresholdScore          int
	LivelinessTimeout              time.Duration
	StallAfter                     time.Duration
	ViewLimit                      time.Duration
	FullScanInterval               time.Duration
	WriteRetryMin                  time.Duration
	WriteRetryMax                  time.Duration
	LeasePoll                      time.Duration
	RejoinBackoff                  time.Duration
	ResultMaxAge                   time.Duration
	VMStartTimeout                 time.Duration
	RPCTimeout                     time.Duration
	LeaseTimeout                   time.Duration
	ShutdownGrace                  time.Duration
	Tick                           time.Duration
	DomainInterval                 time.Duration
	DomainDelayLimit               time.Duration
	ReconnectAfter                 int
	ReconnectMin                   time.Duration
	ReconnectMax                   time.Duration
	OVFPeriod                      time.Duration
	OVFStaleAfter                  time.Duration
	NotifyRetryMin                 time.Duration
	NotifyRetryMax                 time.Duration
	NotifyAttempts                 int
	NotifyQueue                    int
	LockWait                       time.Duration
	ReleaseWait                    time.Duration
	ResetWait                      time.Duration
	DomainWait                     time.Duration
	PutWait                        time.Duration
	MountTimeout                   time.Duration
	SubprocessTimeout              time.Duration
	NetworkTimeout                 time.Duration
	VDSMTimeout                    time.Duration
}

// scale multiplies every scaled time by factor.
func (t *Timing) scale(factor float64) {
	if factor == 1 {
		return
	}
	for _, key := range timingKeys() {
		if key.Scaled {
			field := key.duration(t)
			*field = time.Duration(float64(*field) * factor)
		}
	}
}

const (
	scaled   = true  // multiplied by time_factor
	unscaled = false // meets something whose speed does not change: a local daemon, a peer process, the kernel
)

// timingKeys is the table: key, upstream's name ("" for Holdfast's own), default, scaled or not, meaning. Upstream
// constants that only concern VDSM, log files and the metadata printer have no key, because nothing would read it.
func timingKeys() []Key {
	return []Key{
		period("loop_delay", "LOOP_DELAY", 10*time.Second, scaled, func(t *Timing) *time.Duration { return &t.LoopDelay },
			"period of the agent's loop"),
		period("storage_delay", "STORAGE_DELAY", 10*time.Second, scaled, func(t *Timing) *time.Duration { return &t.StorageDelay },
			"period of the broker's read pass over the whiteboard"),
		period("monitor_interval", "submonitor default interval", 10*time.Second, scaled, func(t *Timing) *time.Duration { return &t.MonitorInterval },
			"period of each submonitor"),
		period("host_alive_timeout", "HOST_ALIVE_TIMEOUT_SECS", 60*time.Second, scaled, func(t *Timing) *time.Duration { return &t.HostAliveTimeout },
			"a host whose timestamp did not change for this long is not alive; also the history needed before a VM may be started"),
		period("stats_history", "STATS_HISTORY_SECS", 900*time.Second, scaled, func(t *Timing) *time.Duration { return &t.StatsHistory },
			"history that the agent keeps for liveness and the CPU average"),
		period("engine_retry_expiration", "ENGINE_RETRY_EXPIRATION_SECS", 600*time.Second, scaled, func(t *Timing) *time.Duration { return &t.EngineRetryExpiration },
			"the counter of failed engine starts is cleared after this long"),
		count("engine_retry_max_attempts", "ENGINE_RETRY_MAX_ATTEMPTS", 3, func(t *Timing) *int { return &t.EngineRetryMaxAttempts },
			"more failed engine starts than this make the score 0"),
		period("engine_bad_health_timeout", "ENGINE_BAD_HEALTH_TIMEOUT_SECS", 300*time.Second, scaled, func(t *Timing) *time.Duration { return &t.EngineBadHealthTimeout },
			"an engine in bad health is stopped after this long; a graceful stop is forced after this long"),
		period("engine_starting_timeout", "ENGINE_STARTING_TIMEOUT", 600*time.Second, scaled, func(t *Timing) *time.Duration { return &t.EngineStartingTimeout },
			"an engine that is not healthy this long after its start is stopped"),
		period("engine_away_expiration", "ENGINE_AWAY_EXPIRATION_SECS", 40*time.Second, scaled, func(t *Timing) *time.Duration { return &t.EngineAwayExpiration },
			"an engine VM that vanished may turn up elsewhere for this long before it counts as unexpectedly down"),
		period("vm_unexpected_shutdown_expiration", "VM_UNEXPECTED_SHUTDOWN_EXPIRATION_SECS", 560*time.Second, scaled, func(t *Timing) *time.Duration { return &t.VMUnexpectedShutdownExpiration },
			"score 0 for this long after an unexpected shutdown of the engine VM"),
		count("restart_threshold_score", "RESTART_THRESHOLD_SCORE", 800, func(t *Timing) *int { return &t.RestartThresholdScore },
			"the engine moves to a host whose score is better by at least this many points"),
		period("liveliness_timeout", "liveliness TIMEOUT (CLI)", 20*time.Second, scaled, func(t *Timing) *time.Duration { return &t.LivelinessTimeout },
			"deadline of one request to the engine's health page"),

		period("stall_after", "", 5*time.Second, scaled, func(t *Timing) *time.Duration { return &t.StallAfter },
			"a storage operation older than this is reported as a stall"),
		period("view_limit", "", 30*time.Second, scaled, func(t *Timing) *time.Duration { return &t.ViewLimit },
			"an agent whose view of the cluster is older than this is storage-blind and starts nothing"),
		period("full_scan_interval", "", 600*time.Second, scaled, func(t *Timing) *time.Duration { return &t.FullScanInterval },
			"period of the read pass over all 2001 segments; the others read only the range in use"),
		period("write_retry_min", "", time.Second, scaled, func(t *Timing) *time.Duration { return &t.WriteRetryMin },
			"first pause after a failed write; it doubles with each further failure"),
		period("write_retry_max", "", 30*time.Second, scaled, func(t *Timing) *time.Duration { return &t.WriteRetryMax },
			"longest pause after failed writes"),
		period("lease_poll", "", 2*time.Second, scaled, func(t *Timing) *time.Duration { return &t.LeasePoll },
			"period of the question to sanlock whether the host id is still held"),
		period("rejoin_backoff", "", 5*time.Second, scaled, func(t *Timing) *time.Duration { return &t.RejoinBackoff },
			"pause before the lockspace is joined again after a failure or a loss"),
		period("result_max_age", "", 30*time.Second, scaled, func(t *Timing) *time.Duration { return &t.ResultMaxAge },
			"a submonitor's result older than this is unknown"),
		period("vm_start_timeout", "", 60*time.Second, scaled, func(t *Timing) *time.Duration { return &t.VMStartTimeout },
			"deadline of one start or stop of the engine VM by its driver"),
		period("domain_interval", "sd_health_check_delay (VDSM)", 10*time.Second, scaled, func(t *Timing) *time.Duration { return &t.DomainInterval },
			"period of the domain monitor's check"),
		period("domain_delay_limit", "STORAGE_DELAY", 10*time.Second, scaled, func(t *Timing) *time.Duration { return &t.DomainDelayLimit },
			"a domain whose check takes longer than this is not valid"),
		count("reconnect_after", "", 3, func(t *Timing) *int { return &t.ReconnectAfter },
			"the storage is connected anew after this many failed operations in a row; one that hangs has not failed"),
		period("reconnect_min", "", 5*time.Second, scaled, func(t *Timing) *time.Duration { return &t.ReconnectMin },
			"first pause between two attempts to connect the storage; it doubles with each further failure"),
		period("reconnect_max", "", 60*time.Second, scaled, func(t *Timing) *time.Duration { return &t.ReconnectMax },
			"longest pause between two attempts to connect the storage"),
		period("ovf_period", "", 60*time.Second, scaled, func(t *Timing) *time.Duration { return &t.OVFPeriod },
			"period of the refresh of vm.conf, unless the agent asks for another"),
		period("ovf_stale_after", "", 300*time.Second, scaled, func(t *Timing) *time.Duration { return &t.OVFStaleAfter },
			"a vm.conf that was not refreshed for this long is reported"),
		period("notify_retry_min", "", 10*time.Second, scaled, func(t *Timing) *time.Duration { return &t.NotifyRetryMin },
			"first pause after a mail that could not be sent; it doubles with each further failure"),
		period("notify_retry_max", "", 300*time.Second, scaled, func(t *Timing) *time.Duration { return &t.NotifyRetryMax },
			"longest pause between two attempts to send a mail"),
		count("notify_attempts", "", 10, func(t *Timing) *int { return &t.NotifyAttempts },
			"a mail is dropped, and counted, after this many attempts"),
		count("notify_queue", "", 64, func(t *Timing) *int { return &t.NotifyQueue },
			"mails that may wait; one more is not taken, and counted as dropped"),

		period("rpc_timeout", "", 5*time.Second, unscaled, func(t *Timing) *time.Duration { return &t.RPCTimeout },
			"deadline of one call from the agent to the broker"),
		period("lease_timeout", "", 5*time.Second, unscaled, func(t *Timing) *time.Duration { return &t.LeaseTimeout },
			"deadline of one command to sanlock"),
		period("shutdown_grace", "", 10*time.Second, unscaled, func(t *Timing) *time.Duration { return &t.ShutdownGrace },
			"an orderly shutdown may take this long; then the process ends anyway"),
		period("tick", "", 100*time.Millisecond, unscaled, func(t *Timing) *time.Duration { return &t.Tick },
			"how often the cores look at the clock"),
		period("lock_wait", "WAIT_FOR_STORAGE_RETRY x WAIT_FOR_STORAGE_DELAY", 30*time.Second, unscaled, func(t *Timing) *time.Duration { return &t.LockWait },
			"longest wait of lock_host_id for the lease, unless the caller names another"),
		period("release_wait", "", 25*time.Second, unscaled, func(t *Timing) *time.Duration { return &t.ReleaseWait },
			"longest wait of release_host_id, unless the caller names another"),
		period("reset_wait", "", 30*time.Second, unscaled, func(t *Timing) *time.Duration { return &t.ResetWait },
			"longest wait of reset_lockspace, unless the caller names another"),
		period("domain_wait", "MAX_DOMAIN_MONITOR_WAIT_SECS", 60*time.Second, unscaled, func(t *Timing) *time.Duration { return &t.DomainWait },
			"longest wait of start_domain_monitor, stop_domain_monitor, connect_storage and disconnect_storage, unless the caller names another"),
		period("put_wait", "", 60*time.Second, unscaled, func(t *Timing) *time.Duration { return &t.PutWait },
			"longest wait that any caller may name"),
		period("mount_timeout", "VDSCLI_SSL_TIMEOUT", 60*time.Second, unscaled, func(t *Timing) *time.Duration { return &t.MountTimeout },
			"deadline of one attempt to connect or disconnect the storage"),
		period("subprocess_timeout", "", 20*time.Second, unscaled, func(t *Timing) *time.Duration { return &t.SubprocessTimeout },
			"deadline of any other program that a daemon runs"),
		period("network_timeout", "", 5*time.Second, unscaled, func(t *Timing) *time.Duration { return &t.NetworkTimeout },
			"deadline of one network test, and of one step of sending a mail, where no other is asked for"),
	}
}
