import ArgumentParser

@main
struct Fairlead: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fairlead",
        abstract: "A service proxy: stable virtual IPs, spread over real endpoints by the kernel.",
        discussion: """
            Services come from files (Kubernetes objects or a short form); the kernel's rules come \
            from a plan that you can read before it is applied.

              fairlead plan --services DIR     what would be programmed (needs no root)
              fairlead run                     keep the kernel so, for ever
              fairlead trace --from A --to B   where a packet goes, and why
              fairlead check                   whether this host and the files are fit

            Exit codes: 0 fine, 1 failed, 2 changes pending (plan --exit-code), 64 usage.
            """,
        version: Version.text,
        subcommands: [
            RunCommand.self, PlanCommand.self, ApplyCommand.self, TraceCommand.self,
            CountersCommand.self, CheckCommand.self, CleanupCommand.self, LabCommandGroup.self,
            VersionCommand.self,
        ]
    )
}
