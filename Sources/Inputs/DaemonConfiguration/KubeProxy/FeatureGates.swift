/// Kubernetes' feature gates, of which kube-proxy takes every one: the names in the documentation's
/// table for 1.37, which has those of 1.36 too unless they went with it.
package enum FeatureGates {
    /// How far a gate has come, in the words of `kubernetes_feature_enabled`.
    private enum Stage: String {
        case alpha = "ALPHA"
        case beta = "BETA"
        case deprecated = "DEPRECATED"
        case stable = ""
    }

    private struct Gate {
        let stage: Stage
        /// As what the gate counts however it is set, and why; nil if it counts as it is set or
        /// changes nothing to be seen from outside.
        let fixed: (isOn: Bool, reason: String)?

        init(_ stage: Stage) {
            self.stage = stage
            fixed = nil
        }

        init(_ stage: Stage, counts isOn: Bool, _ reason: String) {
            self.stage = stage
            fixed = (isOn, reason)
        }
    }

    /// The stage of a gate in Kubernetes 1.37, empty for one that is generally available, as there;
    /// `UNKNOWN` for one of another component and for what is no gate.
    package static func stage(of name: String) -> String {
        proxy[name]?.stage.rawValue ?? "UNKNOWN"
    }

    /// Why a gate does not count as it is set; nil if it does, or is none of a proxy's.
    static func reasonAgainst(_ name: String, _ isOn: Bool) -> String? {
        if let gate = proxy[name] {
            return gate.fixed.flatMap { $0.isOn == isOn ? nil : $0.reason }
        }
        return others.contains(name)
            ? nil : "no feature gate that Kubernetes 1.37 documents"
    }

    /// Gates that a proxy has: those that change what it does, the collective ones, and those of its
    /// log.
    private static let proxy: [String: Gate] = [
        "AllowServiceExternalIPs": Gate(.deprecated),
        "KubeProxyIPVS": Gate(.deprecated, counts: true, "mode ipvs stays"),
        "KubeProxyNFTablesLocalhostNodePorts": Gate(.alpha),
        "NFTablesNetlink": Gate(.beta, counts: true, "the kernel is always spoken to over netlink"),
        "NFTablesProxyMode": Gate(.stable, counts: true, "mode nftables is always there"),
        "KubeProxyDrainingTerminatingNodes": Gate(
            .stable,
            counts: true,
            "a node about to go is always drained"
        ),
        "LoadBalancerIPMode": Gate(.stable, counts: true, "ipMode always counts"),
        "MultiCIDRServiceAllocator": Gate(
            .stable,
            counts: true,
            "ServiceCIDRs always count where there are any"
        ),
        "PreferSameTrafficDistribution": Gate(.stable, counts: true, "hints always count"),
        "ServiceTrafficDistribution": Gate(.stable, counts: true, "hints always count"),
        "TopologyAwareHints": Gate(.stable, counts: true, "hints always count"),
        "WatchListClient": Gate(
            .beta,
            counts: true,
            "lists are always streamed where the API server can"
        ),
        "ClientsAllowCBOR": Gate(.alpha, counts: false, "contentType is protobuf or JSON"),
        "ClientsPreferCBOR": Gate(.alpha, counts: false, "contentType is protobuf or JSON"),
        "ComponentFlagz": Gate(
            .beta,
            counts: false,
            "there is no /flagz; /configz shows the configuration"
        ),
        "NativeHistograms": Gate(.alpha, counts: false, "histograms have fixed buckets"),
        "AllAlpha": Gate(.alpha),
        "AllBeta": Gate(.beta),
        "ContextualLogging": Gate(.beta),
        "LoggingAlphaOptions": Gate(.alpha),
        "LoggingBetaOptions": Gate(.beta),
    ]

    /// Gates of other components, and those that change nothing to be seen from outside.
    private static let others = Set(
        """
        APIResponseCompression APIServerIdentity APIServerTracing
        APIServerWebhookAuthenticationToken APIServingWithRoutine AllowDNSOnlyNodeCSR
        AllowInsecureKubeletCertificateSigningRequests AllowOverwriteTerminationGracePeriodSeconds
        AllowParsingUserUIDFromCertAuth AllowUnsafeMalformedObjectDeletion
        AnonymousAuthConfigurableEndpoints AnyVolumeDataSource AtomicFIFO
        AtomicWriteVolumeUserFields AuthorizeNodeWithSelectors
        AuthorizePodWebsocketUpgradeCreatePermission AuthorizeWithSelectors BtreeWatchCache
        CBORServingAndStorage CPUManagerPolicyAlphaOptions CPUManagerPolicyBetaOptions
        CPUManagerPolicyOptions CRDObservedGenerationTracking CRDValidationRatcheting
        CRIListStreaming CSIServiceAccountTokenSecrets CSIVolumeHealth
        ChangeContainerStatusOnKubeletRestart ClearingNominatedNodeNameAfterBinding
        CloudControllerManagerWatchBasedRoutesReconciliation CloudControllerManagerWebhook
        ClusterTrustBundle ClusterTrustBundleProjection ComponentStatusz CompositePodGroup
        ConcurrentWatchObjectDecode ConsistentListFromCache ConstrainedImpersonation
        ContainerCheckpoint ContainerRestartRules ContainerStopSignals
        ControllerManagerReleaseLeaderElectionLockOnExit CoordinatedLeaderElection
        CronJobsScheduledAnnotation CrossNamespaceVolumeDataSource CustomCPUCFSQuotaPeriod
        CustomResourceFieldSelectors DRAAdminAccess DRAConsumableCapacity DRADerivedAttributes
        DRADeviceBindingConditions DRADeviceCompatibilityGroups DRADeviceTaintRules
        DRADeviceTaints DRAExtendedResource DRAListTypeAttributes DRANodeAllocatableResources
        DRAOptionalNodeOperations DRAPartitionableDevices DRAPartitionableDevicesType
        DRAPrioritizedList DRAResourceClaimDeviceStatus
        DRAResourceClaimGranularStatusAuthorization DRAResourcePoolStatus
        DRASchedulerFilterTimeout DRAWorkloadResourceClaims DeclarativeValidation
        DeclarativeValidationBeta DeclarativeValidationTakeover DefaultPodSysctls
        DeploymentReplicaSetTerminatingReplicas DetectCacheInconsistency
        DisableAllocatorDualWrite DisableCPUQuotaWithExclusiveCPUs DisableNodeKubeProxyVersion
        DynamicResourceAllocation ElasticIndexedJob EmptyDirVolumeMode EnvFiles EtcdRangeStream
        EventedPLEG ExcludeAdmissionWebhookVirtualResources ExecProbeTimeout
        ExtendWebSocketsToKubelet ExternalServiceAccountTokenSigner GRPCContainerProbeTLS
        GenericWorkload GitRepoVolumeDriver GracefulNodeShutdown
        GracefulNodeShutdownBasedOnPodPriority H2CContainerProbe HPAConfigurableTolerance
        HPAScaleToZero HostnameOverride HugepageAwareEviction ImageMaximumGCAge ImageVolume
        ImageVolumeWithDigest InOrderInformers InPlacePodLevelResourcesVerticalScaling
        InPlacePodVerticalScaling InPlacePodVerticalScalingAllocatedStatus
        InPlacePodVerticalScalingExclusiveCPUs InPlacePodVerticalScalingExclusiveMemory
        InPlacePodVerticalScalingMemoryBackedVolumes
        InPlacePodVerticalScalingSchedulerPreemption InformerResourceVersion
        JobBackoffLimitPerIndex JobManagedBy JobPodReplacementPolicy JobSuccessPolicy KMSv1
        KubeletCgroupDriverFromCRI KubeletCrashLoopBackOffMax KubeletEnsureSecretPulledImages
        KubeletFineGrainedAuthz KubeletInUserNamespace KubeletPSI
        KubeletPodResourcesDynamicResources KubeletPodResourcesGet KubeletSeparateDiskGC
        KubeletServiceAccountTokenForCredentialProviders KubeletTracing ListFromCacheSnapshot
        LocalStorageCapacityIsolationFSQuotaMonitoring LogarithmicScaleDown
        ManifestBasedAdmissionControlConfig MatchLabelKeysInPodAffinity
        MatchLabelKeysInPodTopologySpread MatchLabelKeysInPodTopologySpreadSelectorMerge
        MaxUnavailableStatefulSet MemoryManager MemoryQoS MutableCSINodeAllocatableCount
        MutablePVNodeAffinity MutablePodResourcesForSuspendedJobs
        MutableSchedulingDirectivesForSuspendedJobs MutatingAdmissionPolicy NodeDeclaredFeatures
        NodeInclusionPolicyInPodTopologySpread NodeLifecycleConditions NodeLogQuery NodeSwap
        NominatedNodeNameForExpectation OpenAPIEnums OpportunisticBatching
        OrderedNamespaceDeletion PersistentVolumeClaimUnusedSinceTime PodAndContainerStatsFromCRI
        PodCertificateRequest PodDeletionCost PodGroupPreemptionPolicy PodIndexLabel
        PodLevelResourceManagers PodLevelResources PodLifecycleSleepAction
        PodLifecycleSleepActionAllowZero PodLogsQuerySplitStreams PodObservedGenerationTracking
        PodReadyToStartContainersCondition PodSchedulingReadiness PodTopologyLabelsAdmission
        PodsAPI PortForwardWebsockets PreventStaticPodAPIReferences ProcMountType QOSReserved
        RecoverVolumeExpansionFailure RecursiveReadOnlyMounts ReduceDefaultCrashLoopBackOffDecay
        RelaxedDNSSearchValidation RelaxedEnvironmentVariableValidation
        RelaxedServiceNameValidation ReloadKubeletServerCertificateFile RemoteRequestHeaderUID
        ResilientWatchCacheInitialization ResourceHealthStatus
        RestartAllContainersOnContainerExits RetryGenerateName RotateKubeletServerCertificate
        RuntimeClassInImageCriApi SELinuxChangePolicy SELinuxMount SELinuxMountReadWriteOncePod
        SchedulerAsyncAPICalls SchedulerAsyncPreemption SchedulerPopFromBackoffQ
        SchedulerQueueingHints SeparateCacheWatchRPC SeparateTaintEvictionController
        ServiceAccountNodeAudienceRestriction ServiceAccountTokenJTI
        ServiceAccountTokenNodeBinding ServiceAccountTokenNodeBindingValidation
        ServiceAccountTokenPodNodeInfo ShardedListAndWatch SidecarContainers
        SizeBasedListCostEstimate StaleControllerConsistencyDaemonSet
        StaleControllerConsistencyJob StaleControllerConsistencyReplicaSet
        StaleControllerConsistencyStatefulSet StatefulSetAutoDeletePVC
        StatefulSetRecreateStrategy StatefulSetStartOrdinal StorageCapacityScoring
        StorageNamespaceIndex StorageVersionAPI StorageVersionHash StorageVersionMigrator
        StreamingCollectionEncodingToJSON StreamingCollectionEncodingToProtobuf
        StrictCostEnforcementForVAP StrictCostEnforcementForWebhooks StrictIPCIDRValidation
        StructuredAuthenticationConfiguration StructuredAuthenticationConfigurationEgressSelector
        StructuredAuthenticationConfigurationJWKSMetrics StructuredAuthorizationConfiguration
        SupplementalGroupsPolicy SystemdWatchdog TaintTolerationComparisonOperators
        TokenRequestServiceAccountUIDValidation TopologyAwareWorkloadScheduling
        TopologyManagerPolicyAlphaOptions TopologyManagerPolicyBetaOptions
        TopologyManagerPolicyOptions TranslateStreamCloseWebsocketRequests
        UnauthenticatedHTTP2DOSMitigation UnknownVersionInteroperabilityProxy
        UnlockWhileProcessingFIFO UserNamespacesHostNetworkSupport UserNamespacesSupport
        VolumeAttributesClass VolumeBindMountOptions VolumeLimitScaling
        WatchCacheInitializationPostStartHook WatchFromStorageWithoutResourceVersion WatchList
        WinDSR WinOverlay WindowsCPUAndMemoryAffinity WindowsGracefulNodeShutdown
        WindowsHostNetwork WorkloadWithJob
        """.split { $0.isWhitespace }.map(String.init)
    )
}
