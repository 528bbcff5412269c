package agent

import "github.com/holdfast-ha/holdfast/daemons/config"

// Reading is a measured value, or none.
type Reading struct {
	Known bool
	Value float64
}

// Measured is what the score is made of beside the failed starts. What is not known costs nothing.
type Measured struct {
	// OldConfiguration says that the configuration is not on shared storage.
	OldConfiguration bool
	// Network is the share of network tests that succeeded, 0 to 1.
	Network Reading
	// BridgeDown says that the management bridge is known to be down.
	BridgeDown bool
	// CPULoad is the average load without the engine VM, 0 to 1.
	CPULoad Reading
	// MemoryShort says that less memory is free than the engine VM needs.
	MemoryShort bool
}

// Score computes a host's score, 0 or more, in points. Fractions of points are cut off, on every host alike, so that equal
// hosts have equal scores. failedStarts is the number of failed engine starts in a row that still count; more than
// maxAttempts make the score 0. withMemory is false in states that do not start the engine VM.
func Score(w config.ScoreWeights, m Measured, failedStarts, maxAttempts int, withMemory bool) int {
	if failedStarts > maxAttempts {
		return 0
	}
	score := w.Base - failedStarts*w.EngineRetryPenalty
	if m.OldConfiguration {
		score -= w.NotUptodateConfigPenalty
	}
	if m.Network.Known && m.Network.Value < 1 {
		score -= int((1 - max(m.Network.Value, 0)) * float64(w.NetworkPenalty))
	}
	if m.BridgeDown {
		score -= w.MgmtBridgePenalty
	}
	if m.CPULoad.Known {
		score -= cpuPenalty(w, m.CPULoad.Value)
	}
	if m.MemoryShort && withMemory {
		score -= w.FreeMemoryPenalty
	}
	return max(score, 0)
}

func cpuPenalty(w config.ScoreWeights, load float64) int {
	low, high := w.CPULoadPenaltyMin, w.CPULoadPenaltyMax
	if low == high {
		if load < low {
			return 0
		}
		return w.CPULoadPenalty
	}
	penalty := int((load - low) / (high - low) * float64(w.CPULoadPenalty))
	return min(max(penalty, 0), w.CPULoadPenalty)
}
