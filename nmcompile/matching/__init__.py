"""How the spikes of a search crop meet the spikes of a template: PSM, TSM and HSM of SiamSNN."""
