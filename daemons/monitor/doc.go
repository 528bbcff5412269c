// Package monitor runs submonitors: small measurements that the agent asks for by type and options and whose newest
// result it reads as text.
//
// A Set holds one slot for each type that was ever started. A slot is one goroutine for as long as the Set lives, so
// however often a submonitor is started again, two of one type never run beside each other (S35). Each measurement has
// a deadline; one that ignores it holds up its own type and nothing else, and its result, should it ever come, is
// dropped. A result that is older than a few intervals is not shown any more: the text is then the type's word for
// "not known" (S24).
//
// The types are upstream's, with upstream's options and texts: network and its older form ping, mgmt-bridge, mem-free,
// cpu-load-no-engine, cpu-load, engine-health, storage-domain; and ovf, which upstream does not have. What they measure
// comes from outside by small functions and interfaces: facts of the host by HostFacts, of the engine VM by vm.Driver
// and EngineCPU. Programs run through package child; names are looked up with a deadline and without libc.
package monitor
