import ArgumentParser

/// The mode of a run, as its daemon has it.
enum SoakMode: String, ExpressibleByArgument, CaseIterable {
    case iptables
    case ipvs
    case nftables
}
