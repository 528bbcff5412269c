package config

// ScoreWeights are the weights of the score, in points, named after upstream's agent.conf section [score]. They must be
// equal on all hosts of a cluster, because hosts compare each other's scores.
type ScoreWeights struct {
	Base                     int
	NotUptodateConfigPenalty int
	NetworkPenalty           int
	MgmtBridgePenalty        int
	CPULoadPenalty           int
	CPULoadPenaltyMin        float64
	CPULoadPenaltyMax        float64
	FreeMemoryPenalty        int
	EngineRetryPenalty       int
}

// scoreKeys is the table of the weights.
func scoreKeys() []Key {
	return []Key{
		points("score_base", "base-score", 3400, func(s *ScoreWeights) *int { return &s.Base },
			"score of a host without any penalty"),
		points("score_not_uptodate_config_penalty", "not-uptodate-config-penalty", 1000, func(s *ScoreWeights) *int { return &s.NotUptodateConfigPenalty },
			"off while the host's configuration has the old layout"),
		points("score_network_penalty", "network-score-penalty", 1600, func(s *ScoreWeights) *int { return &s.NetworkPenalty },
			"off in proportion to failed network tests"),
		points("score_mgmt_bridge_penalty", "mgmt-bridge-score-penalty", 600, func(s *ScoreWeights) *int { return &s.MgmtBridgePenalty },
			"off while the management network is down"),
		points("score_cpu_load_penalty", "cpu-load-score-penalty", 1000, func(s *ScoreWeights) *int { return &s.CPULoadPenalty },
			"off in proportion to the average CPU load between the two limits below"),
		share("score_cpu_load_penalty_min", "cpu-load-penalty-min", 0.4, func(s *ScoreWeights) *float64 { return &s.CPULoadPenaltyMin },
			"CPU load below which nothing is taken off"),
		share("score_cpu_load_penalty_max", "cpu-load-penalty-max", 0.9, func(s *ScoreWeights) *float64 { return &s.CPULoadPenaltyMax },
			"CPU load above which the whole CPU penalty is taken off"),
		points("score_free_memory_penalty", "free-memory-score-penalty", 400, func(s *ScoreWeights) *int { return &s.FreeMemoryPenalty },
			"off while less memory is free than the engine VM needs"),
		points("score_engine_retry_penalty", "engine-retry-score-penalty", 50, func(s *ScoreWeights) *int { return &s.EngineRetryPenalty },
			"off for each failed start of the engine VM"),
	}
}
