/* SPDX-License-Identifier: GPL-2.0 */
/*
 * C inlines and macros as symbols, for Rust. No logic: what can be written in
 * Rust is.
 */
#ifndef AXIRQ_HELPERS_H
#define AXIRQ_HELPERS_H

#include <linux/irqhandler.h>
#include <linux/mm_types.h>
#include <linux/poll.h>
#include <linux/workqueue.h>

struct cdev;
struct clk_bulk_data;
struct class;
struct device;
struct device_driver;
struct device_node;
struct file;
struct fwnode_handle;
struct inode;
struct iov_iter;
struct irq_data;
struct irq_domain;
struct irq_domain_ops;
struct kiocb;
struct kobj_uevent_env;
struct list_head;
struct mutex;
struct of_device_id;
struct platform_device;
struct platform_driver;
struct sg_table;
struct vm_area_struct;
struct vm_fault;
struct wait_queue_head;

/* Casts with __force do not come through bindgen; enum values do. */
enum axirq_poll_events {
	AXIRQ_POLL_IN = (__force int)(EPOLLIN | EPOLLRDNORM),
	AXIRQ_POLL_GONE = (__force int)(EPOLLERR | EPOLLHUP),
};

/* Each class of lock has a lockdep key of its own. */
enum axirq_lock_class {
	AXIRQ_LOCK_REGISTER_SHADOW,
	AXIRQ_LOCK_LINE_STATE,
	AXIRQ_LOCK_LINE_USERS,
	AXIRQ_LOCK_NODES,
	AXIRQ_LOCK_WINDOW,
	AXIRQ_LOCK_MARK,
	AXIRQ_LOCK_CELLS,
	AXIRQ_LOCK_CLAIMS,
	AXIRQ_LOCK_MASTER,
	AXIRQ_LOCK_CLASSES,
};

/*
 * A controller's lines have two numbers each: one for drivers of the kernel,
 * which may chain into theirs without asking anybody, and one for user space.
 */
struct axirq_sides {
	struct irq_domain *kernel;
	struct irq_domain *users;
};

/* Attributes of /sys/class/axirq; the name of each is in helpers.c. */
enum axirq_attribute {
	AXIRQ_ATTR_NAME,
	AXIRQ_ATTR_KIND,
	AXIRQ_ATTR_CELL,
	AXIRQ_ATTR_PIN,
	AXIRQ_ATTR_WINDOW,
	AXIRQ_ATTR_CONTROLLER,
	AXIRQ_ATTR_HWIRQ,
	AXIRQ_ATTR_IRQ,
	AXIRQ_ATTR_TRIGGER,
	AXIRQ_ATTR_COUNT,
	AXIRQ_ATTR_STATE,
	AXIRQ_ATTR_ADDRESS,
	AXIRQ_ATTR_SIZE,
};

void axirq_raw_spin_lock_init(struct raw_spinlock *lock, enum axirq_lock_class class);
unsigned long axirq_raw_spin_lock_irqsave(struct raw_spinlock *lock);
void axirq_raw_spin_unlock_irqrestore(struct raw_spinlock *lock, unsigned long flags);
void axirq_mutex_init(struct mutex *lock, enum axirq_lock_class class);
void axirq_mutex_lock(struct mutex *lock);
void axirq_mutex_unlock(struct mutex *lock);
void axirq_init_waitqueue_head(struct wait_queue_head *queue);
void axirq_poll_wait(struct file *file, struct wait_queue_head *queue, struct poll_table_struct *table);
unsigned long axirq_wait_queue_lock(struct wait_queue_head *queue);
void axirq_wait_queue_unlock(struct wait_queue_head *queue, unsigned long flags);
void axirq_list_add(struct list_head *entry, struct list_head *after);
void axirq_list_move(struct list_head *entry, struct list_head *after);
void axirq_list_del(struct list_head *entry);
void axirq_init_work(struct work_struct *work, work_func_t function);
bool axirq_queue_work(struct work_struct *work);
bool axirq_platform_has_memory(struct platform_device *pdev);
void axirq_usleep(unsigned long microseconds);
void axirq_cond_resched(void);

void __iomem *axirq_ioremap(u64 start, u64 size);
void axirq_iounmap(void __iomem *base);
u32 axirq_readl(const void __iomem *address);
void axirq_writel(u32 value, void __iomem *address);
int axirq_request_mem_region(u64 start, u64 size, const char *name);
void axirq_release_mem_region(u64 start, u64 size);

struct irq_domain *axirq_irq_domain_create(struct fwnode_handle *fwnode, unsigned int size,
					   const struct irq_domain_ops *ops,
					   struct axirq_sides *sides, bool users);
void *axirq_irq_domain_data(struct irq_domain *domain);
unsigned int axirq_irq_create_mapping(struct irq_domain *domain, unsigned long hwirq);
unsigned int axirq_irq_find_mapping(struct irq_domain *domain, unsigned long hwirq);
void axirq_irq_unmap(struct irq_domain *domain, unsigned int irq);
unsigned int axirq_irq_of_users(unsigned int irq);
bool axirq_irq_is_held(unsigned int irq);
bool axirq_irq_has_action(unsigned int irq);
void axirq_irq_renew(unsigned int irq, irq_flow_handler_t handler);
bool axirq_irq_is_live(struct irq_data *data);
void axirq_irq_orphan(unsigned int irq);
void axirq_irq_domain_abandon(struct irq_domain *domain);
void axirq_irq_describe(unsigned int irq, unsigned int trigger);
void axirq_irq_disable_unlazy(unsigned int irq);
void axirq_irq_forget_pending(unsigned int irq);
bool axirq_irq_sleeps(unsigned int irq);
unsigned int axirq_irq_trigger(unsigned int irq);
u32 axirq_irq_hwirq(unsigned int irq);
struct fwnode_handle *axirq_irq_fwnode(unsigned int irq);
const char *axirq_irq_chip_name(unsigned int irq);

int axirq_platform_driver_register(struct platform_driver *driver);
void axirq_platform_driver_set_remove(struct platform_driver *driver,
				      void (*remove)(struct platform_device *));
void *axirq_platform_get_drvdata(struct platform_device *device);
void axirq_platform_set_drvdata(struct platform_device *device, void *data);
int axirq_clocks_enable(struct device *device, struct clk_bulk_data **clocks);
void axirq_clocks_disable(int count, struct clk_bulk_data *clocks);
struct device *axirq_platform_device(struct platform_device *device);
struct device_node *axirq_device_node(struct device *device);
struct fwnode_handle *axirq_node_fwnode(struct device_node *node);
const char *axirq_device_name(struct device *device);
struct device_driver *axirq_device_driver(struct device *device);
void axirq_device_link(struct device *consumer, struct device *supplier);
void *axirq_device_drvdata(struct device *device);
const struct of_device_id *axirq_intc_ids(void);
const struct of_device_id *axirq_device_ids(void);
u32 axirq_of_irq_count(struct device_node *node);
int axirq_of_interrupt_device(struct device_node *node, int index, struct device **device);
struct device_node *axirq_of_next_part(struct device_node *node, struct device_node *part);
int axirq_of_node_window(struct device_node *node, int index, u64 *start, u64 *size);
int axirq_of_node_path(struct device_node *node, char *path, size_t size);
int axirq_of_node_name(struct device_node *node, char *name, size_t size);
int axirq_of_node_property(struct device_node *node, unsigned int index, const char **name,
			   const char **value, int *length);
void axirq_of_node_put(struct device_node *node);

void axirq_cdev_init(struct cdev *cdev, const struct file_operations *ops);
struct cdev *axirq_inode_cdev(struct inode *inode);
unsigned int axirq_inode_minor(struct inode *inode);
dev_t axirq_mkdev(unsigned int major, unsigned int minor);
unsigned int axirq_major(dev_t dev);
long axirq_compat_ioctl(struct file *file, unsigned int command, unsigned long argument);
void axirq_file_is_stream(struct inode *inode, struct file *file);
bool axirq_kiocb_is_nonblocking(const struct kiocb *request);
size_t axirq_iov_iter_count(const struct iov_iter *iter);
size_t axirq_copy_to_iter(const void *from, size_t n, struct iov_iter *to);
struct class *axirq_class_create(void);
struct device *axirq_pin_device_create(struct class *class, struct device *parent, dev_t dev,
				       void *data, const char *name);
struct device *axirq_window_device_create(struct class *class, struct device *parent, dev_t dev,
					  void *data, const char *name);
int axirq_add_uevent_var(struct kobj_uevent_env *env, const char *key, size_t key_length,
			 const char *value, size_t value_length);
bool axirq_copy_to_user(void __user *to, const void *from, size_t n);
bool axirq_copy_from_user(void *to, const void __user *from, size_t n);

unsigned long axirq_page_size(void);
void *axirq_vmalloc_user_page(void);
unsigned long axirq_vma_page_count(const struct vm_area_struct *vma);
bool axirq_vma_is_shared(const struct vm_area_struct *vma);
bool axirq_vma_is_writable(const struct vm_area_struct *vma);
void axirq_vma_make_io(struct vm_area_struct *vma);
void axirq_vma_forbid_write(struct vm_area_struct *vma);
void axirq_unmap_file(struct file *file);
void axirq_unmap_pages(struct file *file, unsigned long first, unsigned long count);
bool axirq_file_is_writable(const struct file *file);

int axirq_dma_set_mask(struct device *dev, unsigned int bits);
void *axirq_dma_alloc(struct device *dev, size_t size, u64 *address);
void axirq_dma_free(struct device *dev, size_t size, void *cpu, u64 address);
int axirq_dma_pages(struct device *dev, struct sg_table *pages, void *cpu, u64 address,
		    size_t size);
void axirq_dma_pages_put(struct sg_table *pages);
unsigned long axirq_dma_pfn(const struct sg_table *pages, unsigned long page);
void axirq_vma_make_dma(struct vm_area_struct *vma, struct device *dev);
struct file *axirq_fault_file(struct vm_fault *fault);
unsigned long axirq_fault_page(const struct vm_fault *fault);
vm_fault_t axirq_fault_insert(struct vm_fault *fault, unsigned long pfn);
unsigned long axirq_pfn(u64 address);
vm_fault_t axirq_fault_sigbus(void);

/* Implemented in Rust. */
ssize_t axirq_show_attribute(void *data, enum axirq_attribute which, char *buffer);
int axirq_show_uevent(void *data, struct kobj_uevent_env *env);

#endif
