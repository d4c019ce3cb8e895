// swift-tools-version: 6.2
import PackageDescription

// The Swift 6 language mode comes with the tools version. CI sets FAIRLEAD_WARNINGS_AS_ERRORS; a
// user's build never breaks over a newer compiler's warning.
let settings: [SwiftSetting] =
    [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ]
    + (Context.environment["FAIRLEAD_WARNINGS_AS_ERRORS"] == nil
        ? [] : [.treatAllWarnings(as: .error)])

func room(
    _ name: String,
    _ dependencies: [Target.Dependency] = [],
    _ more: [SwiftSetting] = []
) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings + more)
}

func program(_ name: String, path: String? = nil, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name,
        dependencies: dependencies,
        path: path,
        swiftSettings: settings
    )
}

func tests(
    _ name: String,
    _ dependencies: [Target.Dependency],
    exclude: [String] = []
) -> Target {
    .testTarget(
        name: name,
        dependencies: dependencies,
        exclude: exclude,
        swiftSettings: settings
    )
}

let argumentParser = Target.Dependency.product(
    name: "ArgumentParser",
    package: "swift-argument-parser"
)
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

let package = Package(
    name: "fairlead",
    products: [.executable(name: "fairlead", targets: ["fairlead"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        .systemLibrary(name: "CIPTables", pkgConfig: "libiptc", providers: [.apt(["libiptc-dev"])]),
        .systemLibrary(name: "CNetlink"),

        // The models: values, no I/O.
        room("Addressing"),
        room("ServiceModel", ["Addressing"]),
        room("DataplaneModel", ["Addressing"]),

        // Pure: from what is wanted to rules, and from rules to what becomes of a packet.
        room("Planning", ["Addressing", "ServiceModel", "DataplaneModel"]),
        room("PacketTracing", ["Addressing", "DataplaneModel"]),

        room("ProxyModes", ["Addressing", "DataplaneModel", "Planning", "PacketTracing"]),

        // Effects, each at one edge.
        room(
            "LinuxKernel",
            ["Addressing", "DataplaneModel", "CIPTables", "CNetlink"],
            [.strictMemorySafety()]
        ),
        room("AnnotatedYAML", [yams]),
        room("ServiceSources", ["Addressing", "ServiceModel", "AnnotatedYAML"]),
        room(
            "DaemonConfiguration",
            ["Addressing", "ServiceModel", "Planning", "AnnotatedYAML"]
        ),
        room("Telemetry", [logging]),
        room("Reconciling", ["Addressing", "ServiceModel", "DataplaneModel", "Planning"]),

        // The composition root.
        program(
            "fairlead",
            [
                "Addressing", "ServiceModel", "DataplaneModel", "Planning", "PacketTracing",
                "ProxyModes", "LinuxKernel", "ServiceSources", "DaemonConfiguration", "Telemetry",
                "Reconciling", "NamespaceLab", "LabTraffic", "LabCluster", argumentParser, logging,
            ]
        ),

        // A small network in namespaces, for the demo, the tests and the benchmarks.
        room("NamespaceLab", ["Addressing"]),
        room("LabTraffic", ["Addressing", argumentParser]),
        room("LabCluster", ["Addressing", "NamespaceLab"]),
        program(
            "fairlead-lab-agent",
            ["Addressing", "NamespaceLab", "LabTraffic", argumentParser]
        ),

        // Run by scripts/bench.
        program(
            "fairlead-bench",
            path: "Benchmarks/fairlead-bench",
            [
                "Addressing", "ServiceModel", "DataplaneModel", "Planning", "LinuxKernel",
                "Reconciling", "CIPTables", argumentParser,
            ]
        ),

        room(
            "TestSupport",
            [
                "Addressing", "ServiceModel", "DataplaneModel", "Planning", "PacketTracing",
                "ProxyModes", "ServiceSources", "DaemonConfiguration",
            ]
        ),
        tests("AddressingTests", ["Addressing"]),
        tests("DataplaneModelTests", ["Addressing", "DataplaneModel"]),
        tests(
            "PlanningTests",
            [
                "Addressing", "ServiceModel", "DataplaneModel", "Planning", "PacketTracing",
                "TestSupport",
            ],
            exclude: ["Goldens"]
        ),
        tests(
            "PacketTracingTests",
            ["Addressing", "DataplaneModel", "PacketTracing", "TestSupport"]
        ),
        tests(
            "LinuxKernelTests",
            [
                "Addressing", "ServiceModel", "DataplaneModel", "Planning", "ProxyModes",
                "LinuxKernel", "Reconciling", "TestSupport",
            ]
        ),
        tests("AnnotatedYAMLTests", ["AnnotatedYAML"]),
        tests("ServiceSourcesTests", ["Addressing", "ServiceModel", "ServiceSources"]),
        tests(
            "DaemonConfigurationTests",
            ["Addressing", "ServiceModel", "DaemonConfiguration"]
        ),
        tests(
            "ReconcilingTests",
            ["Addressing", "ServiceModel", "DataplaneModel", "Planning", "Reconciling"]
        ),
        tests("NamespaceLabTests", ["Addressing", "NamespaceLab", "LabCluster"]),
        tests(
            "IntegrationTests",
            [
                "Addressing", "ServiceModel", "DataplaneModel", "Planning", "LinuxKernel",
                "NamespaceLab", "LabCluster", "fairlead", "fairlead-lab-agent",
            ]
        ),
    ]
)
