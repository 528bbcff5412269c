// Package monitor runs submonitors: small measurements that the agent asks for by type and options and whose newest
// result it reads as text.
//
// A Set holds one slot for each type that was ever started. A slot is one goroutine for as long as the Set lives, so
// however often a submonitor is started again, two of one type never run beside each other (S35). Each measurement has
// a deadline; one that ignores it holds up its own type and nothing else, and its result, should it ever come, is
// dropped. A result that is older than the limit is not shown any more: the text is then the type's word for "not
// known" (S24).
//
// Here are the machinery and two types, engine-health and storage-domain.
package monitor
